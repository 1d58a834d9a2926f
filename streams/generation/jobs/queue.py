"""The work queue under the jobs: procrastinate, in the same PostgreSQL.

An entry of the queue names a job and the number of one attempt at it. A queue is named after its
priority, so that its depth can be seen; workers take from all of them, the highest priority first.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

from procrastinate.jobs import Job as Entry
from psycopg import AsyncConnection
from psycopg.rows import class_row

from streams.decisions.queries import queries
from streams.work_queue import entries

TASK = "generation.attempt"
PRIORITIES = {"high": 100, "default": 0, "low": -100}
QUEUES = tuple(PRIORITIES)

SQL = queries(Path(__file__).with_name("queue.sql"))


class Depth(NamedTuple):
    """How much waits in a queue.

    Attributes:
        depth: entries that are due; what is put off until later does not wait for a worker.
        oldest_s: seconds for which the one has been due that has been for longest.
    """

    queue_name: str
    depth: int
    oldest_s: float


def lock_of(job_id: str) -> str:
    """The queue's lock of a job: of entries with the same lock one runs at a time."""
    return f"generation:{job_id}"


def entry(job_id: str, attempt: int, *, priority: str, at: dt.datetime | None = None) -> Entry:
    """The queue's entry of an attempt; `at` is the earliest start, if any."""
    return Entry(
        id=None,
        queue=priority,
        lock=lock_of(job_id),
        queueing_lock=None,
        task_name=TASK,
        priority=PRIORITIES[priority],
        task_kwargs={"job_id": job_id, "attempt": attempt},
        scheduled_at=at,
    )


async def withdraw(conn: AsyncConnection[Any], job_id: str) -> None:
    """Take a job's entries out of the queue, and tell the worker that runs one to stop."""
    await entries.withdraw(conn, lock_of(job_id))


async def depths(conn: AsyncConnection[Any]) -> list[Depth]:
    """What is due and waits, for every queue that has something waiting.

    Raises:
        psycopg.errors.UndefinedTable: nothing was ever queued in this database.
    """
    async with conn.cursor(row_factory=class_row(Depth)) as cursor:
        await cursor.execute(SQL["depths"], {"task": TASK})
        return await cursor.fetchall()
