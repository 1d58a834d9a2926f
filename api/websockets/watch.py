"""Which stories have news: looked up once for everyone who listens.

The projection says when it has applied a chunk; then one statement asks for the versions of all
that somebody listens to, and only those listeners read whose story has moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from prometheus_client import Gauge

from api.database import Database
from api.live import LiveHub

LOOK_SECONDS = 1.0  # between looks when nothing was announced: an announcement may be lost
PAUSE_SECONDS = 0.05  # between looks when much is announced
MOST = 1_000  # listeners of one process

log = structlog.get_logger()


class TooManyListenersError(Exception):
    """This process has as many listeners as it takes; try again in a moment."""


class Watch:
    """Wakes listeners whose story has a new version.

    Args:
        projection: whose chunks bring news.
        versions: a named statement: `key` and `version` of those whose keys are `ids`.
        gauge: counts listeners.
    """

    def __init__(
        self, database: Database, live: LiveHub, projection: str, versions: str, gauge: Gauge
    ) -> None:
        self._database = database
        self._statement = versions
        self._gauge = gauge
        self._wake = asyncio.Event()
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._versions: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        live.on_change(projection, self._wake.set)

    def start(self) -> None:
        """Start looking."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def listeners(self) -> int:
        """How many listen."""
        return sum(map(len, self._listeners.values()))

    @contextmanager
    def listening(self, key: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the story may have news; for the listener to clear.

        Raises:
            TooManyListenersError: no more are taken.
        """
        if self.listeners >= MOST:
            raise TooManyListenersError
        news = asyncio.Event()
        own = self._listeners.setdefault(key, set())
        own.add(news)
        self._gauge.inc()
        self._wake.set()
        try:
            yield news
        finally:
            own.discard(news)
            self._gauge.dec()
            if not own:
                self._listeners.pop(key, None)
                self._versions.pop(key, None)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._listeners else None):
                    await self._wake.wait()
            self._wake.clear()
            if self._listeners:
                await self._look()
                await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self) -> None:
        try:
            rows = await self._database.all(self._statement, {"ids": list(self._listeners)})
        except Exception as error:  # the database is away: nobody hears anything until it is back
            log.debug("no news", of=self._statement, error=type(error).__name__)
            return
        for row in rows:
            key, version = row["key"], row["version"]
            if self._versions.get(key) != version:
                self._versions[key] = version
                for news in self._listeners.get(key, ()):
                    news.set()
