"""What is remembered of the Data API's answers, in Redis, by all processes together.

Channels and videos are remembered one by one, so that a list of ids asks only for those that are
missing; pages of searches and of playlists as they came. An entry is believed for its time to live
and kept for longer: with its ETag the API can say that it still holds. A cache that is away costs
units and nothing else: it is then empty.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from redis.asyncio import Redis
from redis.exceptions import LockError, RedisError

Kind = Literal["channel", "video", "search", "uploads"]
KINDS: tuple[Kind, ...] = ("channel", "video", "search", "uploads")
Item = dict[str, Any]  # an item, or an answer, as the API gives it

ABSENT = dt.timedelta(minutes=15)  # that "there is no such video" is believed
# That an entry is kept after it was believed, to be asked for anew with its ETag. With the time to
# live it stays far under the 30 days after which YouTube's terms want data gone.
KEPT = dt.timedelta(days=7)

ALONE_SECONDS = 60.0  # that one may keep a question to itself

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TimesToLive:
    """How long an answer is believed."""

    channel: dt.timedelta = dt.timedelta(hours=24)
    video: dt.timedelta = dt.timedelta(hours=6)
    uploads: dt.timedelta = dt.timedelta(hours=6)
    search: dt.timedelta = dt.timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is remembered.

    Attributes:
        value: None where the API said that there is none.
        fresh: whether it is still to be believed; else it may only be revalidated.
    """

    value: Item | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """How often what was asked for was remembered, since Redis has counted.

    Attributes:
        hits, misses: by kind; of channels and videos each one counts.
        unchanged: answers that the API did not send again, their ETag being the same.
    """

    hits: Mapping[str, int] = field(default_factory=dict)
    misses: Mapping[str, int] = field(default_factory=dict)
    unchanged: Mapping[str, int] = field(default_factory=dict)

    @property
    def hit_ratio(self) -> float | None:
        """Hits of all that was asked for; None before anything was."""
        hits = sum(self.hits.values())
        asked = hits + sum(self.misses.values())
        return hits / asked if asked else None


class Cache:
    """The memory of one Data API.

    Args:
        redis: without `decode_responses`: entries are compressed.
        origin: which API it is; part of the keys in Redis.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        origin: str,
        times: TimesToLive | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._prefix = f"groundswell:youtube:{origin}:cache"
        self._times = times or TimesToLive()
        self._clock = clock

    async def items(self, kind: Kind, ids: Sequence[str]) -> dict[str, Entry]:
        """Those of the items that are remembered, fresh or not."""
        if not ids:
            return {}
        found = await self._ask(self._redis.mget([self._item_key(kind, one) for one in ids]))
        entries = zip(ids, found or (), strict=False)
        return {one: entry for one, raw in entries if (entry := self._read(raw)) is not None}

    async def keep_items(self, kind: Kind, items: Mapping[str, Item | None]) -> None:
        """Remember items by their ids; None for those that there are not."""
        await self._write(
            {
                self._item_key(kind, one): (item, self._time(kind, item))
                for one, item in items.items()
            }
        )

    async def answer(self, kind: Kind, asked: Mapping[str, Any]) -> Entry | None:
        """A whole answer to a question."""
        return self._read(await self._ask(self._redis.get(self._answer_key(kind, asked))))

    async def keep_answer(self, kind: Kind, asked: Mapping[str, Any], answer: Item | None) -> None:
        """Remember a whole answer; None where what was asked for is not there."""
        key = self._answer_key(kind, asked)
        await self._write({key: (answer, self._time(kind, answer))})

    @asynccontextmanager
    async def alone(self, kind: Kind, asked: Mapping[str, Any]) -> AsyncIterator[None]:
        """Hold a question to oneself, in all processes: who waited finds the answer remembered.

        Who waits for too long, or while Redis is away, asks too.
        """
        lock = self._redis.lock(
            f"{self._answer_key(kind, asked)}:asking",
            timeout=ALONE_SECONDS,
            blocking_timeout=ALONE_SECONDS,
            sleep=0.05,
            thread_local=False,
        )
        held = bool(await self._ask(lock.acquire()))
        try:
            yield
        finally:
            if held:
                with suppress(LockError):  # it was held for too long
                    await self._ask(lock.release())

    async def count(
        self, kind: Kind, *, hits: int = 0, misses: int = 0, unchanged: int = 0
    ) -> None:
        """Add to the figures."""
        pipeline = self._redis.pipeline(transaction=False)
        for name, number in (("hits", hits), ("misses", misses), ("unchanged", unchanged)):
            if number:
                pipeline.hincrby(f"{self._prefix}:figures", f"{name}:{kind}", number)
        await self._ask(pipeline.execute())

    async def figures(self) -> CacheFigures:
        """Hits and misses of all processes; all zero while Redis is away."""
        found = await self._ask(self._redis.hgetall(f"{self._prefix}:figures")) or {}
        counted = {
            (name.decode() if isinstance(name, bytes) else name): int(value)
            for name, value in found.items()
        }

        def of(name: str) -> dict[str, int]:
            return {kind: counted.get(f"{name}:{kind}", 0) for kind in KINDS}

        return CacheFigures(of("hits"), of("misses"), of("unchanged"))

    def _time(self, kind: Kind, value: Item | None) -> dt.timedelta:
        if value is None:
            return ABSENT
        times: dict[Kind, dt.timedelta] = {
            "channel": self._times.channel,
            "video": self._times.video,
            "search": self._times.search,
            "uploads": self._times.uploads,
        }
        return times[kind]

    def _item_key(self, kind: Kind, one: str) -> str:
        return f"{self._prefix}:{kind}:{one}"

    def _answer_key(self, kind: Kind, asked: Mapping[str, Any]) -> str:
        text = json.dumps(asked, sort_keys=True).encode()
        return f"{self._prefix}:{kind}:asked:{hashlib.sha256(text).hexdigest()[:32]}"

    def _read(self, raw: bytes | None) -> Entry | None:
        if raw is None:
            return None
        try:
            until, value = json.loads(zlib.decompress(raw))
        except (ValueError, TypeError, zlib.error):
            return None  # not of this version, or damaged: it is asked for anew
        return Entry(value, self._clock() < until)

    async def _write(self, entries: Mapping[str, tuple[Item | None, dt.timedelta]]) -> None:
        if not entries:
            return
        pipeline = self._redis.pipeline(transaction=False)
        now = self._clock()
        for key, (value, believed) in entries.items():
            text = json.dumps([now + believed.total_seconds(), value], separators=(",", ":"))
            kept = believed if value is None else believed + KEPT
            pipeline.set(key, zlib.compress(text.encode(), 1), ex=kept)
        await self._ask(pipeline.execute())

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        """Redis' answer; None while it is away."""
        try:
            return await answer
        except LockError:
            raise
        except (RedisError, OSError) as error:
            log.warning("the cache of YouTube's answers is away", error=type(error).__name__)
            return None


def pairs(items: Iterable[Item]) -> list[list[str]]:
    """Id and ETag of items, by which a batch of them is known again."""
    return [[str(item.get("id")), str(item.get("etag"))] for item in items]
