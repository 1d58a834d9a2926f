"""What can go wrong between the log and the tables."""

from __future__ import annotations


class ProjectionError(Exception):
    """A projection cannot go on as it is."""


class RefusedError(ProjectionError):
    """Events that cannot be applied: their fold fails, or PostgreSQL refuses their rows."""


class NewerVersionError(ProjectionError):
    """The tables belong to a later version of the projection than this process has."""


class OlderVersionError(ProjectionError):
    """The tables belong to an earlier version of the projection: they have to be folded anew."""


class BuildStoppedError(ProjectionError):
    """A rebuild cannot go on; the tables that serve are as they were."""


def stopped_at(topic: str, partition: int, offset: int, reason: str) -> BuildStoppedError:
    """A build that stops at a record, in words that say how to go on."""
    return BuildStoppedError(
        f"stopped at {topic}/{partition}/{offset}: {reason}. The tables that serve are as they "
        "were. Mend what refuses the record and run it again (it goes on from where it was), or "
        "pass over what is a dead letter already with --leave-out-dead-letters"
    )
