"""What can be wrong with a replay."""

from __future__ import annotations


class ReplayError(Exception):
    """A replay cannot be done; the message says why."""
