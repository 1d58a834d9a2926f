"""Generation jobs as stories: one job's events from a version on, or where a user's jobs stand."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any

from api import generation
from api.database import Row
from api.errors import ApiError
from api.services import Services
from api.shapes.job_rows import job_of
from api.users import Asker
from api.websockets.credentials import FORBIDDEN, ClosedDoorError
from api.websockets.serving import UNKNOWN, Told, patiently, version

BATCH = 100  # events read at a time
NEWEST = 100  # jobs of a user that are shown whatever they are at
ENDED = frozenset({"completed", "failed", "cancelled"})
_ENDS = {"Completed": "complete", "Failed": "error", "Cancelled": "error"}
EVERYBODY = ""  # in the place of a user


class JobStory:
    """One job's events, in order.

    Args:
        after: version of the last event that the listener got; None: it got none.

    Raises:
        ClosedDoorError: that is no version.
    """

    def __init__(self, job_id: str, after: str | None) -> None:
        self._id = job_id
        self._last = version(after)
        self._percent = 0.0

    async def admit(self, here: Services, who: Asker) -> None:
        """Let in its owner.

        Raises:
            ClosedDoorError: it is somebody else's, or nobody's.
        """
        row = await patiently(lambda: _found(here, self._id))
        if row is not None and who.may_see(row["user_id"]):
            return
        if row is not None and who.is_spokesman:
            raise ClosedDoorError(FORBIDDEN, "only its owner may listen to a job")
        raise ClosedDoorError(UNKNOWN, "no job is called that")

    def listening(self, here: Services) -> AbstractContextManager[asyncio.Event]:
        """Wait for its news."""
        return here.jobs.listening(self._id)

    async def told(self, here: Services) -> Told:
        """Its next events; the last one has the job as it is then."""
        rows = await here.database.all(
            "jobs.story", {"id": self._id, "after": self._last, "most": BATCH}
        )
        found = await here.database.all("jobs.by_ids", {"ids": [self._id]})
        job = found[0] if found else None
        events = [self._event(row, job) for row in rows]
        if rows:
            self._last = rows[-1]["version"]
        over = job is not None and job["status"] in ENDED and job["version"] <= self._last
        return Told(events, "the job has ended" if over else "", len(rows) == BATCH)

    def _event(self, row: Row, job: Row | None) -> dict[str, Any]:
        kind, body = row["type"], row["body"]
        if kind == "AttemptStarted":
            self._percent = 0.0
        elif kind == "Completed":
            self._percent = 100.0
        self._percent = body.get("percent", self._percent)
        told = {
            "event": _ENDS.get(kind, "progress"),
            "version": row["version"],
            "jobId": self._id,
            "at": row["occurred_at"].isoformat(),
            "type": kind,
            "progress": self._percent,
            "step": body.get("step"),
        }
        reason = body.get("error") or body.get("reason")
        if reason:
            told["message"] = reason
        if kind in _ENDS and job is not None:
            told["job"] = job_of(job).model_dump(mode="json", by_alias=True)
        return told


class JobsStory:
    """Where the jobs of one user stand: all that go on and the newest, then each that moves.

    What is told is a job as it is, not what happened to it: who comes back is told all of them
    again, so that nothing is missed whatever was before.

    Args:
        user_id: whose; None: the listener's own, or everybody's where it may see those.
    """

    def __init__(self, user_id: str | None) -> None:
        self._user: str | None = user_id
        self._versions: dict[str, int] = {}
        self._going: set[str] = set()

    async def admit(self, here: Services, who: Asker) -> None:
        """Let in the user.

        Raises:
            ClosedDoorError: they are somebody else's.
        """
        if self._user is None:
            self._user = who.reads
        if not who.may_see(self._user):
            raise ClosedDoorError(FORBIDDEN, "only their owner may listen to jobs")

    def listening(self, here: Services) -> AbstractContextManager[asyncio.Event]:
        """Wait for news of any of them."""
        return here.jobs_of_users.listening(EVERYBODY if self._user is None else self._user)

    async def told(self, here: Services) -> Told:
        """The jobs that have moved since they were told."""
        rows = await here.database.all(
            "jobs.standing",
            {"user_id": self._user, "newest": NEWEST, "ids": sorted(self._going)},
        )
        moved = [row for row in rows if self._versions.get(row["job_id"]) != row["version"]]
        self._versions = {row["job_id"]: row["version"] for row in rows}
        self._going = {row["job_id"] for row in rows if row["status"] not in ENDED}
        return Told([_job_event(row) for row in moved])


def _job_event(row: Row) -> dict[str, Any]:
    return {
        "event": "job",
        "version": row["version"],
        "jobId": row["job_id"],
        "at": row["updated_at"].isoformat(),
        "job": job_of(row).model_dump(mode="json", by_alias=True),
    }


async def _found(here: Services, job_id: str) -> Row | None:
    try:
        return await generation.find(here, job_id)
    except ApiError:
        return None  # an id that the database cannot hold
