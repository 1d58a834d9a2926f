"""Rescue of queue entries whose worker is gone, or has lost sight of them."""

from __future__ import annotations

import asyncio

import structlog
from procrastinate.worker import Worker as QueueWorker
from psycopg_pool import AsyncConnectionPool

from streams.work_queue.entries import SQL

log = structlog.get_logger()


class Rescuer:
    """Puts entries of silent workers back into their queue, now and then.

    Also those that are marked as this worker's own and that it does not run: it could not write
    down their end while PostgreSQL was away.

    Args:
        silence: seconds without a heartbeat after which a worker counts as gone.
        every: seconds between two looks.
    """

    def __init__(
        self, pool: AsyncConnectionPool, worker: QueueWorker, *, silence: float, every: float
    ) -> None:
        self._pool = pool
        self._worker = worker
        self._silence = silence
        self._every = every
        self._suspects: set[int] = set()

    async def run(self) -> None:
        """Look until cancelled.

        Raises:
            psycopg.OperationalError: PostgreSQL is away.
        """
        while True:
            await asyncio.sleep(self._every)
            await self.look()

    async def look(self) -> int:
        """Rescue what can be rescued now.

        Returns:
            How many entries went back.
        """
        orphans = await self._orphans()
        facts = {
            "orphans": list(orphans),
            "silent_s": self._silence,
            "worker_id": self._worker.worker_id,
        }
        async with self._pool.connection() as conn:
            rows = await (await conn.execute(SQL["rescue"], facts)).fetchall()
        if rows:
            log.warning("jobs rescued from lost workers", entries=[row[0] for row in rows])
        return len(rows)

    async def _orphans(self) -> set[int]:
        """Entries of this worker that it did not run at two looks in a row.

        One look is not enough: an entry is marked a moment before the worker knows of it.
        """
        if self._worker.worker_id is None:
            return set()
        async with self._pool.connection() as conn:
            facts = {"worker_id": self._worker.worker_id}
            doing = {row[0] for row in await (await conn.execute(SQL["doing"], facts)).fetchall()}
        # Not public, and the only place that says what runs: checked by the tests.
        contexts = self._worker._running_jobs.values()
        idle = doing - {context.job.id for context in contexts}
        orphans, self._suspects = idle & self._suspects, idle
        return orphans
