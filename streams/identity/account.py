"""The rules of an account: what may follow what.

    new        -> open
    open       -> suspended -> open
    open, suspended -> forgotten, for good

Every function here is pure: times and chance come with the command, and whether a password, a code
or a token was right was found out before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from streams.decisions.decider import Refused
from streams.identity import scopes
from streams.identity.commands import (
    AccountCommand,
    ChangePassword,
    DisableTwoFactor,
    EnableTwoFactor,
    EndSession,
    EndSessions,
    FailLogin,
    Forget,
    IssueKey,
    LinkProvider,
    LogIn,
    MakeBackupCodes,
    Register,
    Reinstate,
    RevokeKey,
    SetRole,
    SetTier,
    Suspend,
    VerifyEmail,
)
from streams.identity.events import (
    AccountEvent,
    AccountForgotten,
    BackupCodesMade,
    EmailVerified,
    KeyIssued,
    KeyRevoked,
    LinkedToProvider,
    LockedOut,
    LoggedIn,
    LoginFailed,
    PasswordChanged,
    Reinstated,
    RoleChanged,
    SessionEnded,
    SessionsEnded,
    Suspended,
    TierChanged,
    TwoFactorDisabled,
    TwoFactorEnabled,
    UserRegistered,
)
from streams.identity.locks import Lock
from streams.identity.state import Account, Status

MOST_KEYS = 50  # that are good, of one user


class AccountDecider:
    """The rules; see [`Decider`][streams.decisions.decider.Decider]."""

    domain: ClassVar[str] = "identity"
    events: ClassVar[tuple[type[AccountEvent], ...]] = (
        UserRegistered,
        EmailVerified,
        LinkedToProvider,
        LoggedIn,
        LoginFailed,
        LockedOut,
        PasswordChanged,
        TwoFactorEnabled,
        TwoFactorDisabled,
        BackupCodesMade,
        SessionEnded,
        SessionsEnded,
        RoleChanged,
        TierChanged,
        Suspended,
        Reinstated,
        KeyIssued,
        KeyRevoked,
        AccountForgotten,
    )
    initial: ClassVar[Account] = Account()

    def decide(self, state: Account, command: AccountCommand) -> list[AccountEvent]:
        """What follows from the command; nothing from what is so already.

        Raises:
            Refused: with the codes `exists`, `unknown` (no such account, or forgotten),
                `suspended`, `locked`, `unverified`, `two_factor` (a code is needed too),
                `two_factor_on`, `two_factor_off`, `linked`, `own_account`, `scope_above_role`,
                `tier_above_owner`, `too_many_keys`, `unknown_key`.
        """
        if isinstance(command, Register):
            return _register(state, command)
        if isinstance(command, Forget) and state.status is Status.FORGOTTEN:
            return []
        if not state.status.exists:
            raise Refused("unknown", "there is no such account")
        match command:
            case Forget():
                return [AccountForgotten(command.by)]
            case VerifyEmail():
                return _verified(state)
            case LinkProvider():
                return _link(state, command)
            case LogIn():
                return _log_in(state, command)
            case FailLogin():
                return _fail(state, command)
            case EndSession():
                return _ended(state, (command.session_id,), command.why)
            case EndSessions():
                return _all_ended(state, "everywhere")
            case ChangePassword():
                proved = _verified(state) if command.how == "reset" else []
                return [*proved, PasswordChanged(command.how), *_all_ended(state, "password")]
            case EnableTwoFactor() | DisableTwoFactor() | MakeBackupCodes():
                return _two_factor(state, command)
            case IssueKey():
                return _issue(state, command)
            case RevokeKey():
                if command.key_id in state.keys:
                    return [KeyRevoked(command.key_id, command.by)]
                if command.key_id in state.revoked:
                    return []
                raise Refused("unknown_key", "the user has no such key")
            case _:
                return _administer(state, command)

    def evolve(self, state: Account, event: AccountEvent) -> Account:
        """The state after the event."""
        match event:
            case UserRegistered():
                return Account(Status.OPEN, event.email, event.name, event.role)
            case EmailVerified():
                return replace(state, verified=True)
            case LinkedToProvider():
                return replace(state, providers=state.providers | {event.provider})
            case LoggedIn():
                return replace(state, sessions=state.sessions | {event.session_id}, lock=Lock())
            case LoginFailed():
                return replace(state, lock=state.lock.failed())
            case LockedOut():
                return replace(state, lock=Lock(0, event.locks, event.until))
            case PasswordChanged():
                return replace(state, lock=Lock())
            case TwoFactorEnabled() | TwoFactorDisabled():
                return replace(state, two_factor=isinstance(event, TwoFactorEnabled))
            case SessionEnded():
                return replace(state, sessions=state.sessions - {event.session_id})
            case SessionsEnded():
                return replace(state, sessions=frozenset())
            case RoleChanged():
                return replace(state, role=event.role)
            case TierChanged():
                return replace(state, tier=event.tier)
            case Suspended():
                return replace(state, status=Status.SUSPENDED)
            case Reinstated():
                return replace(state, status=Status.OPEN)
            case KeyIssued():
                return replace(state, keys=state.keys | {event.key_id})
            case KeyRevoked():
                revoked = state.revoked | {event.key_id}
                return replace(state, keys=state.keys - {event.key_id}, revoked=revoked)
            case AccountForgotten():
                return Account(Status.FORGOTTEN)
            case _:
                return state


IDENTITY = AccountDecider()


def _register(state: Account, command: Register) -> list[AccountEvent]:
    if state.status is not Status.NEW:
        raise Refused("exists", "there is such an account")
    events: list[AccountEvent] = [
        UserRegistered(command.email, command.name, command.role, command.by)
    ]
    if command.verified:
        events.append(EmailVerified())
    if command.provider is not None:
        events.append(LinkedToProvider(command.provider))
    return events


def _verified(state: Account) -> list[AccountEvent]:
    return [] if state.verified else [EmailVerified()]


def _link(state: Account, command: LinkProvider) -> list[AccountEvent]:
    if command.provider in state.providers:
        # An address can come to belong to somebody else there.
        raise Refused("linked", f"another account of {command.provider} is joined already")
    if command.vouched and state.two_factor:
        raise Refused("two_factor", "a second factor is on: its user joins accounts, logged in")
    events: list[AccountEvent] = []
    if command.vouched and not state.verified:
        # Whoever made the account never proved the address: his password must open nothing.
        ended = _all_ended(state, "password")
        events = [EmailVerified(), PasswordChanged("removed"), *ended]
    return [*events, LinkedToProvider(command.provider)]


def _log_in(state: Account, command: LogIn) -> list[AccountEvent]:
    if state.status is Status.SUSPENDED:
        raise Refused("suspended", "the account is suspended")
    if state.lock.holds(command.at):
        raise Refused("locked", "too many attempts failed; wait")
    if command.verified_only and not state.verified:
        raise Refused("unverified", "the e-mail address was not verified yet")
    if command.method == "password" and state.two_factor:
        raise Refused("two_factor", "a code is needed too")
    if command.session_id in state.sessions:
        raise Refused("exists", "there is such a session")
    lapsed = _ended(state, command.lapsed, "expired")
    return [*lapsed, LoggedIn(command.session_id, command.method)]


def _fail(state: Account, command: FailLogin) -> list[AccountEvent]:
    if state.lock.holds(command.at):
        return []  # nothing was tried
    failed = LoginFailed(command.why)
    until = state.lock.next_until(command.at)
    if until is None:
        return [failed]
    return [failed, LockedOut(until, state.lock.locked(until, command.at).locks)]


def _ended(
    state: Account, session_ids: tuple[str, ...], why: Literal["logout", "reuse", "expired"]
) -> list[AccountEvent]:
    return [SessionEnded(one, why) for one in dict.fromkeys(session_ids) if one in state.sessions]


def _all_ended(
    state: Account, why: Literal["everywhere", "password", "suspended", "role"]
) -> list[AccountEvent]:
    return [SessionsEnded(why)] if state.sessions else []


def _two_factor(
    state: Account, command: EnableTwoFactor | DisableTwoFactor | MakeBackupCodes
) -> list[AccountEvent]:
    match command:
        case EnableTwoFactor():
            if state.two_factor:
                raise Refused("two_factor_on", "a second factor is on already")
            _proved(state)
            return [TwoFactorEnabled(), BackupCodesMade(command.backup_codes)]
        case DisableTwoFactor() | MakeBackupCodes() if not state.two_factor:
            raise Refused("two_factor_off", "no second factor is on")
        case DisableTwoFactor():
            return [TwoFactorDisabled()]
        case MakeBackupCodes():
            return [BackupCodesMade(command.codes)]


def _issue(state: Account, command: IssueKey) -> list[AccountEvent]:
    if state.status is Status.SUSPENDED:
        raise Refused("suspended", "the account is suspended")
    _proved(state)
    above = command.scopes - scopes.within(command.scopes, state.role)
    if above:
        names = ", ".join(sorted(above))
        raise Refused("scope_above_role", f"a {state.role} cannot have a key with {names}")
    if command.tier is not None and not state.tier.at_least(command.tier):
        raise Refused("tier_above_owner", f"the owner's tier is {state.tier}")
    if len(state.keys) >= MOST_KEYS:
        raise Refused("too_many_keys", f"a user has at most {MOST_KEYS} keys: revoke one")
    names_in_order = tuple(sorted(command.scopes))
    return [KeyIssued(command.key_id, command.name, names_in_order, command.tier, command.by)]


def _administer(
    state: Account, command: SetRole | SetTier | Suspend | Reinstate
) -> list[AccountEvent]:
    if isinstance(command, SetRole | Suspend) and command.by == command.user_id:
        raise Refused("own_account", "nobody does that to his own account")
    match command:
        case SetRole():
            if command.role is state.role:
                return []
            return [RoleChanged(command.role, command.by), *_all_ended(state, "role")]
        case SetTier():
            same = command.tier is state.tier
            return [] if same else [TierChanged(command.tier, command.by)]
        case Suspend():
            if state.status is Status.SUSPENDED:
                return []
            return [Suspended(command.reason, command.by), *_all_ended(state, "suspended")]
        case Reinstate():
            return [Reinstated(command.by)] if state.status is Status.SUSPENDED else []


def _proved(state: Account) -> None:
    # Else somebody could prepare an account for whom the address belongs to.
    if not state.verified:
        raise Refused("unverified", "the e-mail address was not verified yet")
