"""Files of jobs that nobody needs: those kept for their time, and those of attempts given up.

One pass over the store: what is there is held against the stories of its jobs, so that whatever a
crash has left behind is found by the next pass. That a job's files expire is an event of its
story, recorded before they are deleted: nobody is promised a file that is gone.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import class_row

from streams.artifacts import ArtifactError, Artifacts, Listed
from streams.decisions.decider import Refused
from streams.decisions.queries import queries
from streams.generation.jobs import commands
from streams.generation.jobs.job import JOBS
from streams.generation.jobs.job_commands import ExpireArtifacts

FOLDER = "videos"
EVERY = 3600.0  # seconds between two sweeps
FIRST = 60.0  # seconds before the first: a worker that starts has other work

# A file younger than that may belong to an attempt whose end is not written down yet: longer than
# any attempt may take, and than clocks of a store and of PostgreSQL differ.
GRACE = dt.timedelta(hours=6)

_NAME = re.compile(rf"{FOLDER}/(?P<job_id>[^/]+)/(?P<attempt>\d+)-[0-9a-f]+\.\w+")

_SQL = queries(Path(__file__).with_suffix(".sql"))

log = structlog.get_logger()


@dataclass
class Swept:
    """What one pass did.

    Attributes:
        expired: jobs whose files had been kept for their time.
        orphans: files removed that belong to no job's end.
        strangers: files left alone, for no story here knows their job.
        unfinished: remains removed of puts that were cut off.
    """

    expired: int = 0
    orphans: int = 0
    strangers: int = 0
    unfinished: int = 0


@dataclass(frozen=True, slots=True)
class _Story:
    job_id: str
    ended: bool
    attempt: int
    completed_at: dt.datetime | None
    files: list[str]
    expired: bool


class Sweeper:
    """Removes files, now and then. Of several, in any number of processes, one does it at a time.

    Args:
        keep_days: days that the files of a completed job are kept; 0 is for ever.
    """

    def __init__(self, dsn: str, artifacts: Artifacts, *, keep_days: float) -> None:
        self._dsn = dsn
        self._artifacts = artifacts
        self._keep_days = keep_days

    async def run(self, *, first: float = FIRST, every: float = EVERY) -> None:
        """Sweep until cancelled; what fails is tried again the next time."""
        await asyncio.sleep(first)
        while True:
            try:
                await self.sweep(dt.datetime.now(dt.UTC))
            except (ArtifactError, psycopg.Error) as error:
                log.warning("artifacts not swept", error=str(error))
            await asyncio.sleep(every)

    async def sweep(self, now: dt.datetime) -> Swept | None:
        """One pass; None where another worker is at it.

        Raises:
            ArtifactError: the store could not be used.
            psycopg.Error: PostgreSQL is away.
        """
        swept = Swept()
        # Autocommit: no transaction stays open while the store is asked.
        async with await AsyncConnection.connect(self._dsn, autocommit=True) as conn:
            row = await (await conn.execute(_SQL["claim"])).fetchone()
            if row is None or not row[0]:
                return None
            async for found in self._artifacts.listed(f"{FOLDER}/"):
                old = [one for one in found if one.modified < now - GRACE]
                await self._judge(conn, old, now, swept)
        swept.unfinished = await self._artifacts.remove_unfinished(now - GRACE)
        log.info("artifacts swept", **vars(swept))
        return swept

    async def _judge(
        self, conn: AsyncConnection[Any], found: Sequence[Listed], now: dt.datetime, swept: Swept
    ) -> None:
        of_jobs: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for one in found:
            match = _NAME.fullmatch(one.name)
            if match is None:
                swept.strangers += 1
            else:
                of_jobs[match["job_id"]][one.name] = int(match["attempt"])
        stories = await _stories(conn, of_jobs)
        for job_id, files in of_jobs.items():
            story = stories.get(job_id)
            if story is None:
                # Another installation's, or of before a backup that was brought back.
                swept.strangers += len(files)
            elif await self._expire(conn, story, now):
                swept.expired += 1
                await self._delete({*files, *story.files})
            else:
                orphans = [
                    name for name, attempt in files.items() if _is_orphan(story, name, attempt)
                ]
                swept.orphans += len(orphans)
                await self._delete(orphans)

    async def _expire(self, conn: AsyncConnection[Any], story: _Story, now: dt.datetime) -> bool:
        if self._keep_days == 0 or story.completed_at is None or story.expired:
            return False
        if now - story.completed_at < dt.timedelta(days=self._keep_days):
            return False
        try:
            await commands.decide(conn, story.job_id, ExpireArtifacts(now, self._keep_days))
        except Refused as refused:
            log.warning("files kept", job_id=story.job_id, reason=refused.reason)
            return False
        return True

    async def _delete(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            await self._artifacts.delete(name)


async def sweeping(sweeper: Sweeper, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and sweep beside it for as long."""
    beside = asyncio.create_task(sweeper.run(), name="artifacts sweep")
    try:
        await work
    finally:
        beside.cancel()


def _is_orphan(story: _Story, name: str, attempt: int) -> bool:
    """Whether a file belongs neither to the job's end nor to an attempt that may still be told."""
    if story.expired:
        return True
    if name in story.files:
        return False
    return story.ended or attempt < story.attempt


async def _stories(conn: AsyncConnection[Any], job_ids: Iterable[str]) -> dict[str, _Story]:
    async with conn.cursor(row_factory=class_row(_Story)) as cursor:
        await cursor.execute(_SQL["jobs"], {"domain": JOBS.domain, "job_ids": list(job_ids)})
        return {story.job_id: story async for story in cursor}
