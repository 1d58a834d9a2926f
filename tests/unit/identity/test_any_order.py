"""Whatever is asked in whatever order, some things never happen."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decisions.decider import Refused, fold
from streams.identity import scopes
from streams.identity.account import IDENTITY
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
    KeyIssued,
    KeyRevoked,
    LockedOut,
    LoggedIn,
    PasswordChanged,
    Reinstated,
    RoleChanged,
    SessionEnded,
    SessionsEnded,
    Suspended,
    TwoFactorDisabled,
    TwoFactorEnabled,
    UserRegistered,
)
from streams.identity.locks import FIRST, LONGEST
from streams.identity.roles import Role
from streams.identity.tiers import Tier
from tests.unit.identity.stories import NOW

_IDS = st.sampled_from(["s1", "s2", "s3", "s4"])
_KEYS = st.sampled_from(["k1", "k2"])
_PEOPLE = st.sampled_from(["ada", "bob"])
_T = dt.datetime(1, 1, 1)  # each command gets its time when its turn comes
_SCOPES = st.frozensets(
    st.sampled_from(["admin", "read:projection", "publish:*", "publish:t"]), min_size=1
)
_COMMANDS: st.SearchStrategy[AccountCommand] = st.one_of(
    st.builds(
        Register, st.just(_T), st.just("~e"), verified=st.booleans(), role=st.just(Role.USER)
    ),
    st.builds(VerifyEmail, st.just(_T)),
    st.builds(LinkProvider, st.just(_T), st.just("idp"), st.booleans()),
    st.builds(
        LogIn,
        st.just(_T),
        _IDS,
        st.sampled_from(["password", "totp", "backup_code", "oidc"]),
        st.lists(_IDS).map(tuple),
        st.booleans(),
    ),
    st.builds(FailLogin, st.just(_T), st.just("password")),
    st.builds(EndSession, st.just(_T), _IDS, st.sampled_from(["logout", "reuse", "expired"])),
    st.builds(EndSessions, st.just(_T)),
    st.builds(ChangePassword, st.just(_T), st.sampled_from(["changed", "reset"])),
    st.builds(EnableTwoFactor, st.just(_T), st.just(10)),
    st.builds(DisableTwoFactor, st.just(_T)),
    st.builds(MakeBackupCodes, st.just(_T), st.just(10)),
    st.builds(SetRole, st.just(_T), st.just("ada"), st.sampled_from(list(Role)), _PEOPLE),
    st.builds(SetTier, st.just(_T), st.sampled_from(list(Tier)), _PEOPLE),
    st.builds(Suspend, st.just(_T), st.just("ada"), st.just("~r"), _PEOPLE),
    st.builds(Reinstate, st.just(_T), _PEOPLE),
    st.builds(IssueKey, st.just(_T), _KEYS, st.just("~n"), _SCOPES, st.none(), _PEOPLE),
    st.builds(RevokeKey, st.just(_T), _KEYS, _PEOPLE),
    st.builds(Forget, st.just(_T)),
)
# Somebody who tries passwords is what locks are about.
_TRIES = st.lists(st.builds(FailLogin, st.just(_T), st.just("code")), min_size=1, max_size=6)
_STEPS = st.tuples(
    st.one_of(_COMMANDS.map(lambda one: [one]), _TRIES), st.integers(0, 40).map(lambda n: 60 * n)
)
_BEGINNING: list[AccountCommand] = [Register(_T, "~e", verified=True)]


class Watch:
    """Knows from the events alone, and not from the rules' state, what may be."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.ended: Counter[str] = Counter()
        self.locked_until = NOW
        self.suspended = self.two_factor = self.forgotten = False
        self.role = Role.USER
        self.keys: set[str] = set()

    def see(self, event: AccountEvent, at: dt.datetime) -> None:
        assert not self.forgotten, "something followed the end"
        match event:
            case UserRegistered():
                self.role = event.role
            case LoggedIn():
                assert not self.suspended
                assert at >= self.locked_until
                assert not (self.two_factor and event.method == "password")
                assert event.session_id not in self.open
                self.open.add(event.session_id)
            case SessionEnded():
                assert event.session_id in self.open, "a second end"
                self.open.remove(event.session_id)
            case SessionsEnded():
                assert self.open, "an end of nothing"
                self.open.clear()
            case LockedOut():
                assert at >= self.locked_until, "a lock within a lock"
                assert FIRST <= event.until - at <= LONGEST
                self.locked_until = event.until
            case PasswordChanged():
                self.locked_until = at
            case TwoFactorEnabled() | TwoFactorDisabled():
                assert self.two_factor == isinstance(event, TwoFactorDisabled)
                self.two_factor = not self.two_factor
            case Suspended() | Reinstated():
                assert self.suspended == isinstance(event, Reinstated)
                self.suspended = not self.suspended
            case RoleChanged():
                assert event.by != "ada"
                self.role = event.role
            case KeyIssued():
                assert all(self.role.at_least(scopes.needs(one)) for one in event.scopes)
                self.keys.add(event.key_id)
            case KeyRevoked():
                assert event.key_id in self.keys
                self.keys.remove(event.key_id)
            case AccountForgotten():
                self.forgotten = True


@settings(max_examples=150, deadline=None)
@given(st.lists(_STEPS, max_size=40))
def test_no_order_of_commands_breaks_a_rule(
    steps: list[tuple[list[AccountCommand], int]],
) -> None:
    watch, state, at = Watch(), IDENTITY.initial, NOW
    for commands, seconds in [(_BEGINNING, 0), *steps]:
        at += dt.timedelta(seconds=seconds)
        for command in commands:
            timed = type(command)(**{**_facts(command), "at": at})
            try:
                events = IDENTITY.decide(state, timed)
            except Refused:
                continue
            assert IDENTITY.decide(state, timed) == events  # pure
            for event in events:
                watch.see(event, at)
            state = fold(IDENTITY, events, state)
            # Where the story says that sessions end, none stays open.
            assert state.sessions == (frozenset() if watch.forgotten else watch.open)


def _facts(command: AccountCommand) -> dict[str, object]:
    return {name: getattr(command, name) for name in command.__dataclass_fields__}
