"""Roles: what somebody may do altogether. Each includes those below it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A user's role, the least first."""

    USER = "user"
    CREATOR = "creator"
    MODERATOR = "moderator"
    ADMIN = "admin"

    def at_least(self, other: Role) -> bool:
        """Whether this role includes the other."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {role: rank for rank, role in enumerate(Role)}
