"""A small YouTube of the test's own: a `Source` over channels made up from a seed."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

from streams.outliers.youtube.errors import RefusedError
from streams.outliers.youtube.shapes import Channel, ChannelHit, Video

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
QUERIES = ("funny games", "family games", "quiet games")
GAMES = {"Doors": ["doors"], "Granny": ["granny"], "Chess": ["chess"], "Snake": ["snake"]}
_TITLES = (
    "FUNNY moments in {}!!",
    "Family plays {}",
    "Kids react to {} - funny!",
    "{} horror, funny moments",
    "Mature {} for adults!!",
    "The indoors {} family reaction!?",
    "=1+1 {} funny kids",
    "家族で{}！！ FUNNY moments",
)


class World:
    """Channels, their videos, and the `Source` over them.

    Attributes:
        calls: how often each method was called.
        troubles: raised by the next calls, one each; None is a call that goes well.

    Args:
        delay: seconds that a call takes.
    """

    def __init__(self, seed: int = 1, channels: int = 40, delay: float = 0.0) -> None:
        chance = random.Random(seed)
        self._delay = delay
        self.calls: list[str] = []
        self.troubles: list[Exception | None] = []
        self.found: dict[str, list[str]] = {query: [] for query in QUERIES}
        self.facts: dict[str, dict[str, Any]] = {}
        self.by_video: dict[str, dict[str, Any]] = {}
        for number in range(channels):
            self._add(number, chance)

    def _add(self, number: int, chance: random.Random) -> None:
        channel_id = f"UC{number:022d}"
        subscribers = round(10 ** chance.uniform(3.5, 5.5))
        uploads = []
        for place in range(chance.choice([0, 2, 8, 20, 60])):
            video_id = f"v{number:03d}-{place:06d}"
            game = chance.choice(["doors", "Granny", "chess", "snake", "tennis"])
            self.by_video[video_id] = {
                "id": video_id,
                "channel": channel_id,
                "title": chance.choice(_TITLES).format(game),
                "description": chance.choice(["", "Rated 18+.", "For everybody."]),
                "views": None
                if chance.random() < 0.05
                else round(subscribers * 10 ** chance.uniform(-2, 0.5)),
                "category": "20" if number % 7 else "10",
                "published": NOW - dt.timedelta(days=place * 1.5 + chance.random()),
            }
            uploads.append(video_id)
            if chance.random() < 0.05:
                del self.by_video[video_id]  # it is gone, and in the playlist still
        self.facts[channel_id] = {
            "id": channel_id,
            "title": f"Channel {number}",
            "subscribers": None if number % 9 == 4 else subscribers,
            "videos": 200 if number % 5 else 20,
            "topics": ["Pop_music"] if number % 11 == 3 else ["Action_game"],
            "uploads": uploads,
        }
        for query in QUERIES:
            if chance.random() < 0.6:
                self.found[query].append(channel_id)

    # What the run asks.

    async def search_channels(self, query: str, *, limit: int = 50) -> list[ChannelHit]:
        await self._called("search")
        found = self.found.get(query, [])
        return [ChannelHit(one, self.facts[one]["title"], "") for one in found[:limit]]

    async def channels(self, channel_ids: Sequence[str]) -> list[Channel]:
        await self._called("channels")
        return [_channel(self.facts[one]) for one in channel_ids if one in self.facts]

    async def channel_named(self, name: str) -> Channel | None:
        await self._called("channel")
        if " " in name:
            raise RefusedError(400, "invalidChannelName", f"{name!r} names no channel")
        return _channel(self.facts[name]) if name in self.facts else None

    async def uploads(
        self, channel: Channel, *, limit: int, since: dt.datetime | None = None
    ) -> list[str]:
        await self._called("uploads")
        ids = self.facts[channel.channel_id]["uploads"]
        if since is not None:
            ids = [one for one in ids if self.published(one) >= since]
        return list(ids[:limit])

    async def videos(self, video_ids: Sequence[str]) -> list[Video]:
        await self._called("videos")
        return [_video(self.by_video[one]) for one in video_ids if one in self.by_video]

    async def _called(self, what: str) -> None:
        self.calls.append(what)
        await asyncio.sleep(self._delay)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble

    def published(self, video_id: str) -> dt.datetime:
        video = self.by_video.get(video_id)
        published: dt.datetime = video["published"] if video else NOW
        return published


class WorldFacts:
    """The same world for the naive recomputation."""

    def __init__(self, world: World) -> None:
        self._world = world

    def search(self, query: str) -> list[str]:
        return self._world.found.get(query, [])

    def channel(self, name: str) -> dict[str, Any] | None:
        return self._world.facts.get(name)

    def uploads(self, channel_id: str) -> list[tuple[str, dt.datetime]]:
        ids = self._world.facts[channel_id]["uploads"]
        return [(one, self._world.published(one)) for one in ids]

    def video(self, video_id: str) -> dict[str, Any] | None:
        return self._world.by_video.get(video_id)


def _channel(facts: dict[str, Any]) -> Channel:
    return Channel(
        channel_id=facts["id"],
        title=facts["title"],
        description="",
        handle=None,
        country=None,
        published_at=NOW,
        subscribers=facts["subscribers"],
        views=None,
        videos=facts["videos"],
        topics=tuple(f"https://en.wikipedia.org/wiki/{topic}" for topic in facts["topics"]),
        uploads_playlist="UU" + facts["id"][2:] if facts["uploads"] else None,
        etag="",
    )


def _video(facts: dict[str, Any]) -> Video:
    return Video(
        video_id=facts["id"],
        channel_id=facts["channel"],
        title=facts["title"],
        description=facts["description"],
        tags=(),
        published_at=facts["published"],
        duration_s=60,
        category=facts["category"],
        views=facts["views"],
        likes=None,
        comments=None,
        live="none",
        etag="",
    )
