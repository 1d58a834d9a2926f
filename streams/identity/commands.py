"""What can be wished of an account. Each wish carries its time; what was proved, was proved before.

Text that events will carry is sealed already. `by` is a user's id, or `installation`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias

from streams.identity.events import Failure, Method
from streams.identity.roles import Role
from streams.identity.tiers import Tier


@dataclass(frozen=True, slots=True)
class Register:
    """Make the account.

    Attributes:
        verified: the address needs no verification.
        provider: through whom the user came, if so.
    """

    at: dt.datetime
    email: str
    name: str | None = None
    role: Role = Role.USER
    verified: bool = False
    provider: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyEmail:
    """The address was proved."""

    at: dt.datetime


@dataclass(frozen=True, slots=True)
class LinkProvider:
    """Join a provider's account.

    Attributes:
        vouched: nobody is logged in; the provider vouches for the address.
    """

    at: dt.datetime
    provider: str
    vouched: bool


@dataclass(frozen=True, slots=True)
class LogIn:
    """Begin a session; password, code or provider were right.

    Attributes:
        lapsed: sessions whose time is over.
        verified_only: whether the address must be verified.
    """

    at: dt.datetime
    session_id: str
    method: Method
    lapsed: tuple[str, ...] = ()
    verified_only: bool = True


@dataclass(frozen=True, slots=True)
class FailLogin:
    """Password or code were wrong."""

    at: dt.datetime
    why: Failure


@dataclass(frozen=True, slots=True)
class EndSession:
    """End one session."""

    at: dt.datetime
    session_id: str
    why: Literal["logout", "reuse", "expired"]


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End all sessions."""

    at: dt.datetime


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Set another password."""

    at: dt.datetime
    how: Literal["changed", "reset"]


@dataclass(frozen=True, slots=True)
class EnableTwoFactor:
    """A code of the offered secret was right; so many backup codes were made."""

    at: dt.datetime
    backup_codes: int


@dataclass(frozen=True, slots=True)
class DisableTwoFactor:
    """Password and code were right."""

    at: dt.datetime


@dataclass(frozen=True, slots=True)
class MakeBackupCodes:
    """Make the earlier backup codes void; so many new ones were made."""

    at: dt.datetime
    codes: int


@dataclass(frozen=True, slots=True)
class SetRole:
    """Give a role."""

    at: dt.datetime
    user_id: str
    role: Role
    by: str


@dataclass(frozen=True, slots=True)
class SetTier:
    """Give a tier."""

    at: dt.datetime
    tier: Tier
    by: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """Let the user in no more."""

    at: dt.datetime
    user_id: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Reinstate:
    """Let the user in again."""

    at: dt.datetime
    by: str


@dataclass(frozen=True, slots=True)
class IssueKey:
    """Give the user a key."""

    at: dt.datetime
    key_id: str
    name: str
    scopes: frozenset[str]
    tier: Tier | None
    by: str


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Make a key void."""

    at: dt.datetime
    key_id: str
    by: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase the person."""

    at: dt.datetime
    by: str | None = None


AccountCommand: TypeAlias = (
    Register
    | VerifyEmail
    | LinkProvider
    | LogIn
    | FailLogin
    | EndSession
    | EndSessions
    | ChangePassword
    | EnableTwoFactor
    | DisableTwoFactor
    | MakeBackupCodes
    | SetRole
    | SetTier
    | Suspend
    | Reinstate
    | IssueKey
    | RevokeKey
    | Forget
)
