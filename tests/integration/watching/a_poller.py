"""A poller in a process of its own, which a test can kill: `python -m ... FILE ANCHOR CHANNEL...`.

Its API is made up: three videos a channel whose views are the number of the call. Every unit is a
line in the file before its answer comes, so a kill may meet a call at any place. Its clock runs
fast, from some weeks before the anchor (seconds since 1970), so that there is always something to
look at.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import sys
import time
from collections.abc import Sequence

from psycopg import AsyncConnection

from infra.settings import Settings
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.outliers.watching.metrics import PollerMetrics
from streams.outliers.watching.outbox import Outbox
from streams.outliers.watching.poller import Poller, Rhythm
from streams.outliers.watching.store import Store
from streams.outliers.watching.watched import Wanted
from streams.outliers.youtube.quota import POLLER, QuotaState
from streams.outliers.youtube.shapes import Channel, ChannelHit, Video

START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
DAY = 86_400.0
SPEED = 7_200.0  # two hours a second


class MadeUp:
    """Channels with three videos each."""

    def __init__(self, path: str, anchor: float) -> None:
        self.anchor = anchor
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._calls = 0

    def clock(self) -> float:
        return self.anchor - 20 * DAY + (time.time() - self.anchor) * SPEED

    async def _unit(self, kind: str) -> int:
        os.write(self._file, f"{kind}\n".encode())
        await asyncio.sleep(random.uniform(0, 0.01))
        self._calls += 1
        return self._calls

    async def quota(self) -> QuotaState:
        reset = dt.datetime.fromtimestamp(self.clock() + 60, dt.UTC)
        day = START.date()
        return QuotaState(day, 90_000, {POLLER: 0}, {POLLER: 90_000}, False, reset)

    async def search_channels(self, query: str, *, limit: int = 50) -> list[ChannelHit]:
        raise NotImplementedError

    async def channel_named(self, name: str) -> Channel | None:
        raise NotImplementedError

    async def channels(self, channel_ids: Sequence[str]) -> list[Channel]:
        calls = await self._unit("channels")
        return [
            Channel(one, one, "", None, None, START, 1, 1, calls, (), "UU", "")
            for one in channel_ids
        ]

    async def uploads(
        self, channel: Channel, *, limit: int, since: dt.datetime | None = None
    ) -> list[str]:
        await self._unit("uploads")
        return [f"{channel.channel_id}-{number}" for number in range(3)]

    async def videos(self, video_ids: Sequence[str]) -> list[Video]:
        calls = await self._unit("videos")
        published = dt.datetime.fromtimestamp(self.anchor - 21 * DAY, dt.UTC)
        return [
            Video(
                video_id=one,
                channel_id=one.rpartition("-")[0],
                title=one,
                description="",
                tags=(),
                published_at=published,
                duration_s=9,
                category="20",
                views=calls,
                likes=None,
                comments=1,
                live="none",
                etag="",
            )
            for one in video_ids
        ]


async def main(path: str, anchor: float, names: list[str]) -> None:
    settings = Settings(_env_file=None)
    wanted = {name: Wanted(name, name, START, "tests") for name in names}
    publisher = Publisher(
        settings.kafka_config(), Codec(Registry(settings.registry_config())), source="tests"
    )
    metrics = PollerMetrics()
    async with await AsyncConnection.connect(settings.dsn, autocommit=True) as conn:
        store = Store(conn)
        rhythm = Rhythm(pause=0.0, tick=0.01)
        outbox = Outbox(store, publisher, metrics, pause=(0.1, 0.5))
        source, wake = MadeUp(path, anchor), asyncio.Event()
        poller = Poller(
            source, store, outbox, lambda: wanted, wake, rhythm, metrics, clock=source.clock
        )
        await poller.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
