"""Turns: whoever waits for longest goes next, now and then, whatever its priority.

Workers take the highest priority first. Under a constant flow of high ones nothing else would ever
be made. So each worker gives every eighth of its turns to the entry that stands in the queue for
longest: none waits for more turns than eight times its place in the queue, and what has a high
priority waits for at most one attempt in eight that has none.

A share of turns, not a priority that grows with time: a backlog of low ones that is old enough
would, once grown, go before every new high one.
"""

from __future__ import annotations

from psycopg_pool import AsyncConnectionPool

from streams.generation.jobs.queue import PRIORITIES, SQL, TASK

EVERY = 8
FIRST = max(PRIORITIES.values()) + 1  # before all others


class Turns:
    """Counts the attempts that one worker takes."""

    def __init__(self, pool: AsyncConnectionPool, every: int = EVERY) -> None:
        self._pool = pool
        self._every = every
        self._taken = 0

    async def taken(self) -> None:
        """Call at each attempt's beginning: the one after every eighth is who waits for longest.

        Raises:
            psycopg.Error: PostgreSQL failed.
        """
        self._taken += 1
        if self._taken % self._every:
            return
        async with self._pool.connection() as conn:
            await conn.execute(SQL["promote"], {"first": FIRST, "task": TASK})
