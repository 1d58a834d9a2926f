"""What can go wrong between the log and the tables."""

from __future__ import annotations


class ProjectionError(Exception):
    """A projection cannot go on as it is."""


class RefusedError(ProjectionError):
    """Events that cannot be applied: their fold fails, or PostgreSQL refuses their rows."""


class NewerVersionError(ProjectionError):
    """The tables belong to a later version of the projection than this process has."""
