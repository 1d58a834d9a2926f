"""Who a request comes from, once that is proved."""

from __future__ import annotations

from dataclasses import dataclass

from streams.identity import scopes
from streams.identity.roles import Role
from streams.identity.tiers import Tier

INSTALLATION = "installation"
PAGE = "page"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what that may be for.

    Attributes:
        user_id: None: the installation's own key, with full rights.
        role: of the user, now.
        tier: for limits.
        scopes: what a key is narrowed to; None: not narrowed.
        credential: what proved it: `installation`, `key:<key_id>`, `session:<session_id>`, or
            `page` (the dashboard's cookie, which only reads).
    """

    user_id: str | None
    role: Role
    tier: Tier
    scopes: frozenset[str] | None
    credential: str

    def may(self, scope: str) -> bool:
        """Whether a key's scopes include that one; without a key, they do."""
        return scopes.allows(self.scopes, scope)

    @property
    def by(self) -> str:
        """Who it was, as events tell it."""
        return self.user_id or INSTALLATION


def installation() -> Principal:
    """The holder of the installation's own key."""
    return Principal(None, Role.ADMIN, Tier.UNLIMITED, None, INSTALLATION)
