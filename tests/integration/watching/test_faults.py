"""What the poller does without units, API or broker; one of several works."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from schemas.errors import InvalidEventError
from schemas.publisher import PublishError
from schemas.topic import Topic
from streams.outliers.watching.metrics import PollerMetrics
from streams.outliers.watching.outbox import Outbox
from streams.outliers.watching.poller import Poller, Rhythm
from streams.outliers.watching.store import Store, listed, prepare
from streams.outliers.watching.watched import Wanted
from streams.outliers.youtube.errors import (
    QuotaExhaustedError,
    RefusedError,
    UnavailableError,
    YouTubeError,
)
from streams.outliers.youtube.quota import POLLER, QuotaState
from streams.outliers.youtube.shapes import Channel, ChannelHit, Video

NOW = dt.datetime.now(dt.UTC)


class Api:
    """Channels with three videos each; it fails as often as it is told to."""

    def __init__(self) -> None:
        self.fails: list[YouTubeError] = []
        self.calls: list[str] = []
        self.left = 1_000
        self.refuses: set[str] = set()
        self.titles = "title \u0000 \ud800 \U0001f600"

    def _call(self, kind: str) -> None:
        self.calls.append(kind)
        if self.fails:
            raise self.fails.pop(0)

    async def quota(self) -> QuotaState:
        reset = NOW + dt.timedelta(days=1)
        return QuotaState(NOW.date(), 1_000, {POLLER: 0}, {POLLER: self.left}, False, reset)

    async def search_channels(self, query: str, *, limit: int = 50) -> list[ChannelHit]:
        raise NotImplementedError

    async def channel_named(self, name: str) -> Channel | None:
        raise NotImplementedError

    async def channels(self, channel_ids: Sequence[str]) -> list[Channel]:
        self._call("channels")
        return [
            Channel(one, self.titles, "", None, None, NOW, None, 9, 3, (), "UU", "")
            for one in channel_ids
            if one != "none"
        ]

    async def uploads(
        self, channel: Channel, *, limit: int, since: dt.datetime | None = None
    ) -> list[str]:
        self._call("uploads")
        if channel.channel_id in self.refuses:
            raise RefusedError(403, "forbidden", "not this one")
        return [f"{channel.channel_id}-{number}" for number in range(3)]

    async def videos(self, video_ids: Sequence[str]) -> list[Video]:
        self._call("videos")
        return [
            Video(one, one[:-2], one, "", (), NOW, None, None, 5, None, None, "none", "")
            for one in video_ids
            if not one.endswith("-2")
        ]


class Log:
    """Takes what is published; fails as often as it is told to."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.fails = 0
        self.refuses: set[str] = set()
        self._open: list[dict[str, Any]] = []

    def check(
        self, topic: Topic, records: Sequence[dict[str, Any]]
    ) -> list[bytes | InvalidEventError]:
        return [
            InvalidEventError("", "as a test wants")
            if record.get("video_id") in self.refuses
            else b"x"
            for record in records
        ]

    def publish(self, topic: Topic, record: dict[str, Any], *, value: bytes) -> None:
        self._open.append(record)

    def flush(self, timeout: float = 30.0) -> None:
        taken, self._open = self._open, []
        if self.fails:
            self.fails -= 1
            raise PublishError("no broker")
        self.events += taken

    def of(self, name: str) -> list[Any]:
        return [event[name] for event in self.events if name in event]


class Scene:
    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.api, self.log, self.metrics = Api(), Log(), PollerMetrics()
        self.wanted: dict[str, Wanted] = {}
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.speed = 1.0

    def clock(self) -> float:
        """The time; it may run faster, so that there is something to look at again."""
        began = NOW.timestamp()
        return began + (time.time() - began) * self.speed

    def watch(self, *names: str) -> None:
        self.wanted |= {name: Wanted(name, name, NOW, "tests") for name in names}
        self.wake.set()

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[asyncio.Task[None]]:
        async with await AsyncConnection.connect(self.dsn, autocommit=True) as conn:
            store = Store(conn)
            outbox = Outbox(store, self.log, self.metrics, pause=(0.01, 0.05))  # type: ignore[arg-type]
            rhythm = Rhythm(pause=0.1, tick=0.05, backoff=(0.02, 0.05))
            poller = Poller(
                self.api,
                store,
                outbox,
                lambda: dict(self.wanted),
                self.wake,
                rhythm,
                self.metrics,
                clock=self.clock,
            )
            self.task = task = asyncio.create_task(poller.run())
            try:
                yield task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def until(self, true: Callable[[], object], what: str) -> None:
        for _ in range(500):
            if true():
                return
            if self.task is not None and self.task.done():
                self.task.result()
            await asyncio.sleep(0.02)
        raise AssertionError(f"waited for {what}; {self.api.calls}; {self.state()}")

    def state(self) -> dict[str, Any]:
        _, told = listed(self.dsn)
        return told or {}

    def row(self, channel_id: str) -> dict[str, Any]:
        return next(r for r in listed(self.dsn)[0] if r["channel_id"] == channel_id)

    def waiting(self) -> int:
        with psycopg.connect(self.dsn) as conn:
            [[rows]] = conn.execute("SELECT count(*) FROM watching_outbox").fetchall()
        return int(rows)

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def scene(database: str) -> Scene:
    prepare(database)
    return Scene(database)


def played(play: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        await asyncio.wait_for(play(), 30)

    asyncio.run(within())


def test_everything_of_a_channel_is_seen_and_a_private_video_is_given_up(scene: Scene) -> None:
    async def play() -> None:
        scene.speed = 3_600.0
        scene.watch("a", "none")
        async with scene.polling():
            await scene.until(lambda: scene.log.of("video_id")[:2] == ["a-0", "a-1"], "two videos")
            # Its second absence comes after the least pause.
            await scene.until(lambda: scene.row("a")["gone_videos"] == 1, "one gone")
            await scene.until(lambda: scene.row("none")["missing"] == 2, "two absences")
        assert (scene.row("a")["followed"], scene.row("none")["snapshots"]) == (2, 0)
        # The end may have come between the table and the log.
        published, stored = len(set(scene.log.of("event_id"))), scene.row("a")["snapshots"]
        assert published <= stored <= published + scene.waiting()
        assert "title  ? \U0001f600" in scene.log.of("title")
        seen = scene.metric("poller_snapshots_total", topic="youtube.video-snapshots.v1")
        assert seen >= 2

    played(play)


def test_without_units_it_says_when_it_goes_on_and_sleeps(scene: Scene) -> None:
    async def play() -> None:
        reset = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.5)
        scene.api.fails = [QuotaExhaustedError(1, 0, reset)]
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: scene.state().get("state") == "out of units", "the word")
            assert scene.state()["goes_on_at"] == reset
            calls = len(scene.api.calls)
            await scene.until(lambda: scene.log.of("video_id"), "it to go on")
            assert dt.datetime.now(dt.UTC) >= reset
            assert calls == 1

    played(play)


def test_a_share_that_is_spent_is_no_call_at_all(scene: Scene) -> None:
    async def play() -> None:
        scene.api.left = 0
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: scene.state().get("state") == "out of units", "the word")
        assert scene.api.calls == []

    played(play)


def test_an_api_that_is_away_is_asked_again(scene: Scene) -> None:
    async def play() -> None:
        scene.api.fails = [UnavailableError("no answer")] * 4
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: scene.log.of("video_id"), "it to be back")
        assert scene.metric("poller_faults_total", what="unavailable") == 4

    played(play)


def test_one_look_that_is_refused_holds_up_no_other(scene: Scene) -> None:
    async def play() -> None:
        scene.api.refuses = {"a"}
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: "uploads" in scene.api.calls, "the first")
            scene.watch("b")
            await scene.until(lambda: "b-0" in scene.log.of("video_id"), "the others")
        assert scene.metric("poller_faults_total", what="refused") == 1
        assert not set(scene.log.of("video_id")) & {"a-0", "a-1"}

    played(play)


def test_a_key_that_is_refused_is_said_and_not_tried_on_and_on(scene: Scene) -> None:
    async def play() -> None:
        scene.api.fails = [RefusedError(400, "keyInvalid", "set YOUTUBE_API_KEY")] * 99
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: scene.state().get("state") == "refused", "the word")
        assert scene.state()["reason"] == "set YOUTUBE_API_KEY"
        assert scene.api.calls == ["channels"]

    played(play)


def test_while_the_broker_is_away_nothing_is_asked_and_nothing_is_lost(scene: Scene) -> None:
    async def play() -> None:
        scene.log.fails = 5
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: scene.state().get("state") == "broker away", "the word")
            assert scene.api.calls == ["channels"]
            await scene.until(lambda: len(scene.log.of("video_id")) == 2, "everything")
        ids = scene.log.of("event_id")
        assert len(ids) == len(set(ids)) == 3

    played(play)


def test_what_was_stored_and_not_published_goes_out_first_after_a_restart(scene: Scene) -> None:
    async def play() -> None:
        scene.log.fails = 10**9
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: scene.state().get("state") == "broker away", "the word")
        with psycopg.connect(scene.dsn) as conn:
            [(event,)] = conn.execute("SELECT event::json->>'event_id' FROM watching_outbox")
            conn.execute("DELETE FROM watching_poller")
        calls = len(scene.api.calls)
        scene.log.fails = 10**9
        async with scene.polling():
            await scene.until(lambda: scene.state().get("state") == "broker away", "it to be said")
            scene.log.fails = 0
            await scene.until(lambda: scene.log.events, "it")
            assert scene.log.of("event_id")[0] == event
        assert calls == 1

    played(play)


def test_an_observation_against_the_rules_is_left_out_and_counted(scene: Scene) -> None:
    async def play() -> None:
        scene.log.refuses = {"a-0"}
        scene.watch("a")
        async with scene.polling():
            await scene.until(lambda: scene.log.of("video_id"), "the other")
        assert set(scene.log.of("video_id")) == {"a-1"}
        bad = scene.metric("poller_bad_observations_total", topic="youtube.video-snapshots.v1")
        assert bad == 1

    played(play)


def test_of_two_pollers_one_works_and_the_other_takes_over(scene: Scene) -> None:
    async def play() -> None:
        other = Scene(scene.dsn)
        scene.watch("a")
        other.watch("a")
        async with scene.polling():
            await scene.until(lambda: len(scene.log.of("video_id")) == 2, "the first to look")
            async with other.polling():
                await asyncio.sleep(0.3)
                assert other.api.calls == []
        async with other.polling():
            # It knows what the first one knew: the channel is not listed anew.
            other.watch("b")
            await other.until(lambda: "b-1" in other.log.of("video_id"), "the second to look")
        assert other.api.calls.count("uploads") == 1

    played(play)


def test_what_is_watched_no_more_leaves_the_tables(scene: Scene) -> None:
    async def play() -> None:
        scene.watch("a", "b")
        async with scene.polling():
            await scene.until(lambda: len(scene.log.of("video_id")) == 4, "all videos")
            del scene.wanted["a"]
            scene.wake.set()
            await scene.until(lambda: len(listed(scene.dsn)[0]) == 1, "it to go")
        with psycopg.connect(scene.dsn) as conn:
            left = conn.execute("SELECT DISTINCT channel_id FROM watching_videos").fetchall()
        assert left == [("b",)]

    played(play)
