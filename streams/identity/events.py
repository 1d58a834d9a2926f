"""What happens to an account: the records of `identity.events.v1` without their envelope.

The envelope (event_id, occurred_at, user_id, version) is the store's. Personal text (`email`,
`name`, `reason`) is sealed before it becomes part of an event; no password, secret, code or token
is in any. `by` is a user's id, or `installation`; None: the user.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias

from streams.identity.roles import Role
from streams.identity.tiers import Tier

Method: TypeAlias = Literal["password", "totp", "backup_code", "oidc"]
Failure: TypeAlias = Literal["password", "code"]


@dataclass(frozen=True, slots=True)
class UserRegistered:
    """An account was made."""

    email: str
    name: str | None
    role: Role
    by: str | None = None


@dataclass(frozen=True, slots=True)
class EmailVerified:
    """The address is the user's."""


@dataclass(frozen=True, slots=True)
class LinkedToProvider:
    """A provider's account logs in here too."""

    provider: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session began."""

    session_id: str
    method: Method


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """Somebody who named the account could not prove to be its user; what was wrong."""

    why: Failure


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Too many failures in a row: nobody gets in before `until`.

    Attributes:
        locks: in a row, with this one.
    """

    until: dt.datetime
    locks: int


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """There is another password.

    Attributes:
        how: `changed` by who knew it, `reset` through the address, `removed`: whoever set it had
            not verified the address, and now its user came through a provider.
    """

    how: Literal["changed", "reset", "removed"]


@dataclass(frozen=True, slots=True)
class TwoFactorEnabled:
    """A login needs a code too."""


@dataclass(frozen=True, slots=True)
class TwoFactorDisabled:
    """A login needs no code any more."""


@dataclass(frozen=True, slots=True)
class BackupCodesMade:
    """There are new backup codes; earlier ones are void."""

    codes: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """One session is over."""

    session_id: str
    why: Literal["logout", "reuse", "expired"]


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """All sessions are over."""

    why: Literal["everywhere", "password", "suspended", "role"]


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """The user has another role."""

    role: Role
    by: str


@dataclass(frozen=True, slots=True)
class TierChanged:
    """The user has another tier."""

    tier: Tier
    by: str


@dataclass(frozen=True, slots=True)
class Suspended:
    """The user is not let in."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Reinstated:
    """The user is let in again."""

    by: str


@dataclass(frozen=True, slots=True)
class KeyIssued:
    """The user has one more key.

    Attributes:
        tier: None: the owner's.
    """

    key_id: str
    name: str
    scopes: tuple[str, ...]
    tier: Tier | None
    by: str


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """A key is void."""

    key_id: str
    by: str


@dataclass(frozen=True, slots=True)
class AccountForgotten:
    """The person was erased: nothing follows."""

    by: str | None = None


AccountEvent: TypeAlias = (
    UserRegistered
    | EmailVerified
    | LinkedToProvider
    | LoggedIn
    | LoginFailed
    | LockedOut
    | PasswordChanged
    | TwoFactorEnabled
    | TwoFactorDisabled
    | BackupCodesMade
    | SessionEnded
    | SessionsEnded
    | RoleChanged
    | TierChanged
    | Suspended
    | Reinstated
    | KeyIssued
    | KeyRevoked
    | AccountForgotten
)
