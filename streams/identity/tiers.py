"""Tiers: how much somebody may ask for. Limits are set per tier where they are kept."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """A tier, the smallest first."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"
    UNLIMITED = "unlimited"

    def at_least(self, other: Tier) -> bool:
        """Whether this tier is the other or a greater one."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {tier: rank for rank, tier in enumerate(Tier)}
