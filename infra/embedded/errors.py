"""What can go wrong with embedded servers; each message says how to mend it."""

from __future__ import annotations


class EmbeddedError(Exception):
    """An embedded server cannot be had or does not start."""


class HomeInUseError(EmbeddedError):
    """Another supervisor runs in this home."""
