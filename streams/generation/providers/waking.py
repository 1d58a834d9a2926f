"""Remote work is asked after at intervals; a provider's callback cuts the interval short.

A callback is only a hint: whatever it says, the provider is asked, and its answer is what counts.
So a callback that is lost, forged or repeated costs time or one question, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import structlog
from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool

CHANNEL = "groundswell_provider_callbacks"  # LISTEN; the payload is the provider's name of the work
ID_MAX = 200  # characters of a provider's name of its work

_EARLY = 1_000  # callbacks that are kept for whoever begins to wait after they came
_PAUSE = 2.0  # seconds before a lost connection is made again

log = structlog.get_logger()


class Wakes:
    """Waits for remote work, and hears of callbacks through PostgreSQL.

    One for a process and its event loop. It begins to listen at the first wait: a worker that
    never calls a remote provider holds no connection for it.

    Args:
        dsn: where callbacks are told; None: nothing is heard, and every wait lasts its time.
    """

    def __init__(self, dsn: str | None = None) -> None:
        self._dsn = dsn
        self._listening: asyncio.Task[None] | None = None
        self._waiting: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        # A callback may come between a question and the wait after it. Insertion order is age.
        self._early: dict[str, None] = {}

    async def wait(self, provider_job_id: str, seconds: float) -> None:
        """Until `seconds` have passed, or sooner when the provider calls back about that work."""
        if self._listening is None and self._dsn is not None:
            self._listening = asyncio.create_task(self._listen(self._dsn), name="callbacks")
        if provider_job_id in self._early:
            del self._early[provider_job_id]
            return
        woken = asyncio.Event()
        self._waiting[provider_job_id].append(woken)
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return
        finally:
            self._waiting[provider_job_id].remove(woken)
            if not self._waiting[provider_job_id]:
                del self._waiting[provider_job_id]

    def wake(self, provider_job_id: str) -> None:
        """End every wait for that work; where there is none, the next one ends at once."""
        waiting = self._waiting.get(provider_job_id)
        if waiting:
            for woken in waiting:
                woken.set()
            return
        self._early[provider_job_id] = None
        if len(self._early) > _EARLY:
            del self._early[next(iter(self._early))]

    async def _listen(self, dsn: str) -> None:
        """While PostgreSQL is away every wait lasts its full time, which is no fault."""
        while True:
            try:
                async with await AsyncConnection.connect(dsn, autocommit=True) as conn:
                    await conn.execute(b"LISTEN " + CHANNEL.encode())
                    async for notice in conn.notifies():
                        self.wake(notice.payload)
            except OperationalError as error:
                log.warning("no callbacks for now", error=type(error).__name__)
            await asyncio.sleep(_PAUSE)


async def tell(pool: AsyncConnectionPool[Any], provider_job_id: str) -> None:
    """Wake whoever waits for that work, in whatever process.

    Raises:
        psycopg.OperationalError: PostgreSQL is away.
    """
    async with pool.connection() as conn:
        await conn.execute(b"SELECT pg_notify(%s, %s)", (CHANNEL, provider_job_id[:ID_MAX]))
