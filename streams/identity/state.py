"""How an account is: the fold of its story."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from streams.identity.locks import Lock
from streams.identity.roles import Role
from streams.identity.tiers import Tier


class Status(StrEnum):
    """What becomes of an account; `NEW` is one that nobody has heard of."""

    NEW = "new"
    OPEN = "open"
    SUSPENDED = "suspended"
    FORGOTTEN = "forgotten"

    @property
    def exists(self) -> bool:
        """Whether there is such an account."""
        return self in (Status.OPEN, Status.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Account:
    """An account's state.

    Attributes:
        email: sealed.
        name: sealed.
        providers: that log in here too.
        sessions: that are open.
        keys: that are good.
        revoked: keys that were.
    """

    status: Status = Status.NEW
    email: str = ""
    name: str | None = None
    role: Role = Role.USER
    tier: Tier = Tier.FREE
    verified: bool = False
    two_factor: bool = False
    lock: Lock = field(default_factory=Lock)
    providers: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()
