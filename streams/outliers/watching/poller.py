"""The poller: looks at watched channels, and writes what it saw into the log.

Of several, in any number of processes, one works and the others wait. `main(settings)` is a
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
import random
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from psycopg import AsyncConnection

from infra.settings import Settings
from schemas.catalogue import WATCHED_CHANNELS
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.columnar.exposition import serve
from streams.follower import TopicFollower
from streams.outliers.watching.expectation import FOLLOWED_H
from streams.outliers.watching.metrics import PollerMetrics
from streams.outliers.watching.outbox import Outbox
from streams.outliers.watching.pacing import Pacing
from streams.outliers.watching.schedule import Look, foresee, plan
from streams.outliers.watching.store import Store, prepare
from streams.outliers.watching.watch import HOUR, MOST_FOLLOWED, Event
from streams.outliers.watching.watched import Wanted, WatchedLog
from streams.outliers.youtube.client import YouTubeClient
from streams.outliers.youtube.errors import (
    QuotaExhaustedError,
    RefusedError,
    YouTubeError,
)
from streams.outliers.youtube.quota import POLLER, QuotaState, counted
from streams.outliers.youtube.source import Source

TICK_S = 20.0  # between two looks at the schedule, where nothing is worth a unit
CLAIM_S = 1.0  # between two tries to be the one poller
BACKOFF_S = 5.0, 600.0  # after the first fault of the API, and at most
REFUSED_S = 900.0  # after the API refused a batch: a key does not mend itself
REFUSALS = 3  # or uploads of so many channels in a row
OVERLAP_S = 86_400.0  # a video may be listed with a time before that of a known one
TIDY_S = 3600.0
LIST_S = 60.0  # until the topic of watched channels is read; then it is said, and waited on

log = structlog.get_logger()


class Metered(Source, Protocol):
    """A source that knows how many units it has left."""

    async def quota(self) -> QuotaState:
        """The ledger of today; UnavailableError where it is not to be had."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the poller goes about it, in seconds.

    Attributes:
        pause: least time between two looks at the same channel or video.
        tick: between two looks at the schedule.
        backoff: after the first fault of the API, and at most.
        data: for so long a count that was not refreshed is kept; 0: for ever.
    """

    pause: float
    tick: float = TICK_S
    backoff: tuple[float, float] = BACKOFF_S
    data: float = 0.0


@dataclass
class Poller:
    """Looks until it is cancelled.

    Args:
        wanted: the channels that are watched now.
        wake: set when they may have changed.
        clock: seconds since 1970.
    """

    source: Metered
    store: Store
    outbox: Outbox
    wanted: Callable[[], Mapping[str, Wanted]]
    wake: asyncio.Event
    rhythm: Rhythm
    metrics: PollerMetrics = field(default_factory=PollerMetrics)
    clock: Callable[[], float] = time.time

    async def run(self) -> None:
        """Look until cancelled.

        Raises:
            psycopg.OperationalError: the connection is lost, and the claim with it.
        """
        await self._claim()
        self._watch = await self.store.load()
        self._pacing = Pacing()
        self._faults = self._refusals = 0
        self._tidied = 0.0
        self._told = ("", "")
        await self.outbox.empty(self._tell)
        while True:
            self.wake.clear()
            await self._take_over()
            await self._wait(await self._pass())

    async def _claim(self) -> None:
        waiting = False
        while not await self.store.claim():
            if not waiting:
                log.info("poller waits for another one")
                waiting = True
            await asyncio.sleep(CLAIM_S)
        log.info("poller runs")

    async def _take_over(self) -> None:
        """Watch what is to be watched, and nothing else."""
        now = self.clock()
        if now - self._tidied > TIDY_S:
            self._tidied = now
            self._watch.tidy(now, self.rhythm.data or math.inf)
        wanted = {name: (one.title, one.at.timestamp()) for name, one in self.wanted().items()}
        came, went = self._watch.only(wanted)
        if went or self._watch.changed:
            await self.store.keep(self._watch, dropped_channels=went)
        if came or went:
            log.info("watched channels", watched=len(wanted), new=len(came), gone=len(went))

    async def _pass(self) -> float:
        """Make the looks that are worth it; how long to wait before the next pass."""
        try:
            looked = await self._looks()
        except QuotaExhaustedError as error:
            until = error.resets_at.timestamp()
            self.metrics.faults.labels("quota").inc()
            await self._tell("out of units", str(error), until)
            return max(1.0, until - self.clock())
        except RefusedError as error:
            return await self._refused(error)
        except YouTubeError as error:
            return await self._away(error)
        if looked:
            return 0.0
        await self._tell("resting" if self._watch.channels else "nothing to watch", "", None)
        return self.rhythm.tick

    async def _looks(self) -> int:
        """Make looks; how many there were."""
        if not self._watch.channels:
            self._measure(0, 0.0)
            return 0
        quota, now = await self.source.quota(), self.clock()
        left, resets_at = quota.left.get(POLLER, 0), quota.resets_at
        if left <= 0:
            raise QuotaExhaustedError(1, left, resets_at)
        allowed = self._pacing.allowed(now, left, resets_at.timestamp())
        found = plan(self._watch, now, allowed, self.rhythm.pause)
        self._measure(found.due, found.late_s)
        for look in found.looks:
            await self._tell("looking", "", None)
            await self._look(look)
            self._faults = 0
        return len(found.looks)

    async def _look(self, look: Look) -> None:
        """Make one look: ask, store, publish."""
        with counted() as units:
            try:
                events = await self._ask(look)
                self._refusals = 0
            except RefusedError as error:
                self._refusals += 1
                if look.kind != "uploads" or self._refusals >= REFUSALS:
                    raise
                # Perhaps of this channel only: the others go on.
                log.error("uploads refused", channel_id=look.ids[0], reason=str(error))
                self.metrics.faults.labels("refused").inc()
                self._watch.refused(look.ids[0], self.clock())
                events = []
            finally:
                self._pacing.spent(units.spent)
                self.metrics.units.labels(look.kind).inc(units.spent)
        self._watch.spent(look.kind, look.ids, units.spent)
        foresee(self._watch, look, self.clock(), self.rhythm.pause)
        await self.store.keep(self._watch, events)
        if events:
            await self.outbox.empty(self._tell)

    async def _ask(self, look: Look) -> list[Event]:
        match look.kind:
            case "channels":
                channels = await self.source.channels(look.ids)
                return self._watch.saw_channels(look.ids, channels, self.clock())
            case "videos":
                videos = await self.source.videos(look.ids)
                return self._watch.saw_videos(look.ids, videos, self.clock())
        [channel_id] = look.ids
        since = dt.datetime.fromtimestamp(self._since(channel_id), dt.UTC)
        channel = self._watch.playlists[channel_id]
        ids = await self.source.uploads(channel, limit=MOST_FOLLOWED, since=since)
        cut = len(ids) >= MOST_FOLLOWED
        new = self._watch.saw_uploads(channel_id, ids, self.clock(), cut=cut)
        self.metrics.uploads.inc(len(new))
        if new:
            log.info("uploads found", channel_id=channel_id, videos=len(new))
        return []

    def _since(self, channel_id: str) -> float:
        """From when on a channel's uploads are asked for: the list ends where they are known."""
        oldest = self.clock() - FOLLOWED_H * HOUR
        if self._watch.channels[channel_id].listed_at is None:
            return oldest
        known = [
            video.published_at
            for video in self._watch.videos.values()
            if video.channel_id == channel_id and video.published_at is not None
        ]
        return max([oldest, *(at - OVERLAP_S for at in known)])

    async def _away(self, error: YouTubeError) -> float:
        self.metrics.faults.labels("unavailable").inc()
        self._faults += 1
        first, most = self.rhythm.backoff
        # Those who failed together do not come back together.
        pause = random.uniform(0.5, 1.0) * min(most, first * 2.0 ** (self._faults - 1))
        await self._tell("api away", str(error), self.clock() + pause)
        return pause

    async def _refused(self, error: RefusedError) -> float:
        self.metrics.faults.labels("refused").inc()
        self._refusals = 0
        await self._tell("refused", str(error), self.clock() + REFUSED_S)
        return REFUSED_S

    async def _tell(self, state: str, reason: str, goes_on_at: float | None) -> None:
        """Say what it is doing, where that has changed."""
        if (state, reason) == self._told:
            return
        self._told = (state, reason)
        if goes_on_at is not None:
            at = dt.datetime.fromtimestamp(goes_on_at, dt.UTC)
            log.warning("poller waits", state=state, reason=reason, goes_on_at=at.isoformat())
        await self.store.tell(state, reason, goes_on_at)

    def _measure(self, due: int, late_s: float) -> None:
        now = self.clock()
        self.metrics.due.set(due)
        self.metrics.late.set(late_s)
        self.metrics.channels.set(len(self._watch.channels))
        self.metrics.videos.set(sum(v.followed(now) for v in self._watch.videos.values()))

    async def _wait(self, seconds: float) -> None:
        """So long, or until the watched channels change; a fault is waited out."""
        if seconds > self.rhythm.tick:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), seconds or 0.001)


def main(settings: Settings) -> None:
    """Look until SIGTERM or SIGINT."""
    prepare(settings.dsn)
    _run_until_stopped(_main(settings))


async def _main(settings: Settings) -> None:
    loop, wake, metrics = asyncio.get_running_loop(), asyncio.Event(), PollerMetrics()
    serve(metrics.registry, settings.metrics_port)
    rhythm = Rhythm(
        pause=settings.youtube_poll_minutes * 60, data=settings.youtube_data_days * 86_400.0
    )
    kafka = settings.kafka_config()
    with contextlib.closing(Registry(settings.registry_config())) as registry:
        codec = Codec(registry)
        watched = WatchedLog(codec, changed=lambda: loop.call_soon_threadsafe(wake.set))
        publisher = Publisher(kafka, codec, source="groundswell/poller")
        async with (
            YouTubeClient.from_settings(settings, purpose=POLLER, fresh=True) as client,
            await AsyncConnection.connect(settings.dsn, autocommit=True) as conn,
        ):
            with TopicFollower(kafka, {WATCHED_CHANNELS: watched.take}) as follower:
                # Before its end is reached, channels would seem to be watched no more.
                while not await asyncio.to_thread(follower.read_once, LIST_S):
                    log.warning("watched channels not read yet", topic=WATCHED_CHANNELS.name)
                store = Store(conn)
                outbox = Outbox(store, publisher, metrics)
                poller = Poller(client, store, outbox, watched.channels, wake, rhythm, metrics)
                await poller.run()


def _run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(_cancelled_by_signals(work))


async def _cancelled_by_signals(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
