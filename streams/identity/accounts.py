"""Accounts: everything that can be asked of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

from psycopg_pool import AsyncConnectionPool

from schemas.personal.keys import PersonKeys
from streams.identity.answers import (
    AccountFacts,
    IssuedKey,
    KeyFacts,
    Registered,
    Session,
    TotpOffer,
)
from streams.identity.roles import Role
from streams.identity.rules import RULES, Rules
from streams.identity.tiers import Tier
from streams.identity.tokens import Tokens


def now() -> dt.datetime:
    """The present (UTC)."""
    return dt.datetime.now(dt.UTC)


class Accounts:
    """Accounts, sessions and keys. Each call is one transaction: events and rows, or neither.

    Args:
        pool: of `streams.decisions.connections.connections` (autocommit).
        changed: called with a user's id after a change that a verifier may have remembered:
            `Verifier.drop`.

    Every method may also raise:
        PersonalDataError: keys of persons cannot be had.
        psycopg.OperationalError, psycopg_pool.PoolTimeout: PostgreSQL is away.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool,
        person_keys: PersonKeys,
        tokens: Tokens,
        rules: Rules = RULES,
        *,
        changed: Callable[[str], None] = lambda user_id: None,
        clock: Callable[[], dt.datetime] = now,
    ) -> None:
        raise NotImplementedError

    # -- the beginning

    async def register(
        self,
        email: str,
        password: str,
        name: str | None = None,
        *,
        role: Role = Role.USER,
        verified: bool = False,
        by: str | None = None,
    ) -> Registered:
        """Make an account, unless the address has one.

        Args:
            verified: the address needs no verification.
            by: who made it for somebody else.

        Raises:
            InvalidEmail, PasswordRefused
        """
        raise NotImplementedError

    async def ask_verification(self, email: str) -> str | None:
        """A new token for the verification e-mail; None where there is nothing to verify."""
        raise NotImplementedError

    async def verify_email(self, token: str) -> str:
        """Verify the address that the token was sent to; the user's id.

        Raises:
            TokenRefused
        """
        raise NotImplementedError

    # -- sessions

    async def login(self, email: str, password: str, *, code: str | None = None) -> Session:
        """Open a session.

        Args:
            code: six digits of an authenticator, or a backup code.

        Raises:
            LoginRefused, TwoFactorNeeded, NotVerified
        """
        raise NotImplementedError

    async def login_with_provider(
        self,
        provider: str,
        subject: str,
        email: str,
        email_verified: bool,
        name: str | None = None,
    ) -> Session:
        """Open a session for whom a provider vouches; the first time, make or join an account.

        Args:
            subject: the provider's id of the account (`sub`).

        Raises:
            LoginRefused: the account is locked or suspended.
            LinkRefused: see its codes.
            InvalidEmail
        """
        raise NotImplementedError

    async def link_provider(self, user_id: str, provider: str, subject: str) -> None:
        """Join a provider's account to that of somebody who is logged in.

        Raises:
            UnknownAccount
            Refused: `linked`: it is joined to somebody else's.
        """
        raise NotImplementedError

    async def refresh(self, refresh_token: str) -> Session:
        """New tokens of a session; the old refresh token is used up.

        Two at once with the same one, or a second one within `Rules.grace`, get the same
        successor: an answer that was lost ends nothing. A later one ends the session.

        Raises:
            SessionOver
        """
        raise NotImplementedError

    async def logout(self, user_id: str, session_id: str) -> None:
        """End a session; one that has ended stays so."""
        raise NotImplementedError

    async def logout_everywhere(self, user_id: str) -> None:
        """End every session of a user."""
        raise NotImplementedError

    # -- passwords

    async def change_password(self, user_id: str, old: str, new: str) -> None:
        """Change a password, and end every session.

        Raises:
            LoginRefused: the old one is wrong; that counts as a failed login.
            PasswordRefused, UnknownAccount
        """
        raise NotImplementedError

    async def ask_reset(self, email: str) -> str | None:
        """A token for the reset e-mail; None where nobody has the address."""
        raise NotImplementedError

    async def reset_password(self, token: str, new: str) -> str:
        """Set a password with a token of the reset e-mail, end every session; the user's id.

        The address is verified by it, and a lock is lifted.

        Raises:
            TokenRefused, PasswordRefused
        """
        raise NotImplementedError

    # -- the second factor

    async def begin_totp(self, user_id: str) -> TotpOffer:
        """Offer a secret; an earlier offer is void.

        Raises:
            UnknownAccount
            Refused: `two_factor_on`.
        """
        raise NotImplementedError

    async def confirm_totp(self, user_id: str, code: str) -> list[str]:
        """Turn the second factor on; the backup codes, shown once.

        Raises:
            LoginRefused: the code is wrong.
            UnknownAccount
            Refused: `two_factor_on`; `nothing_offered`.
        """
        raise NotImplementedError

    async def disable_totp(self, user_id: str, password: str, code: str) -> None:
        """Turn the second factor off.

        Raises:
            LoginRefused: the password or the code is wrong; that counts as a failed login.
            UnknownAccount
            Refused: `two_factor_off`.
        """
        raise NotImplementedError

    async def renew_backup_codes(self, user_id: str, password: str, code: str) -> list[str]:
        """New backup codes; the old ones are void. Raises as `disable_totp`."""
        raise NotImplementedError

    # -- administration

    async def account(self, user_id: str) -> AccountFacts:
        """An account as it is now.

        Raises:
            UnknownAccount
        """
        raise NotImplementedError

    async def set_role(self, user_id: str, role: Role, by: str) -> None:
        """Give a role; another one ends every session.

        Raises:
            UnknownAccount
            Refused: `own_account`: nobody changes his own role.
        """
        raise NotImplementedError

    async def set_tier(self, user_id: str, tier: Tier, by: str) -> None:
        """Give a tier. Raises UnknownAccount."""
        raise NotImplementedError

    async def suspend(self, user_id: str, reason: str, by: str) -> None:
        """Let somebody in no more, ending every session; keys rest.

        Raises:
            UnknownAccount
            Refused: `own_account`.
        """
        raise NotImplementedError

    async def reinstate(self, user_id: str, by: str) -> None:
        """Let somebody in again. Raises UnknownAccount."""
        raise NotImplementedError

    async def forget(self, user_id: str, by: str | None = None) -> bool:
        """Erase a person: rows, lookups and the key of the sealed values; whether there was one.

        Repeating it finishes what a crash left undone.
        """
        raise NotImplementedError

    # -- keys

    async def issue_key(
        self,
        user_id: str,
        name: str,
        scopes: Iterable[str],
        tier: Tier | None = None,
        *,
        by: str,
    ) -> IssuedKey:
        """Issue a key.

        Args:
            tier: None: the owner's, whatever it is then.

        Raises:
            ScopeError, UnknownAccount
            Refused: `scope_above_role`, `tier_above_owner`, `too_many_keys`, `suspended`.
        """
        raise NotImplementedError

    async def revoke_key(self, user_id: str, key_id: str, by: str) -> None:
        """Revoke a key; one that is revoked stays so.

        Raises:
            UnknownAccount
            Refused: `unknown_key`.
        """
        raise NotImplementedError

    async def keys_of(self, user_id: str) -> list[KeyFacts]:
        """A user's keys that are not revoked, oldest first."""
        raise NotImplementedError
