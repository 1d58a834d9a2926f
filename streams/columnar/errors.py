"""Reasons for an agent to stop rather than guess."""

from __future__ import annotations


class RuntimeStoppedError(Exception):
    """Base of the reasons."""


class RestoreError(RuntimeStoppedError):
    """The state cannot be read back from the output topic."""


class BrokenGroundError(RuntimeStoppedError):
    """The topics are not what the state was made from."""
