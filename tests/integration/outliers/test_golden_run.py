"""A run over the server that speaks the Data API: every score, and every unit, as by hand."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
from collections.abc import Callable
from typing import Any

import httpx
from redis.asyncio import Redis

from infra.settings import Settings
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.schema import prepare
from streams.outliers.content.shapes import defaults
from tests.fix_youtube import YouTubeLocal
from tests.integration.outliers.runs import ask, client, run, state, summary
from tests.unit.outliers.analyses.independent_analysis import analysis
from tests.unit.outliers.analyses.stories import queries

QUERIES = ("family gaming funny moments", "horror funny moments")
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)  # of the tests' requests, and of the server here


class RawFacts:
    """What the server answers, read without the client."""

    def __init__(self, http: httpx.Client, key: str) -> None:
        self._http = http
        self._key = key
        self._videos: dict[str, dict[str, Any]] = {}
        self._channels: dict[str, dict[str, Any]] = {}

    def page(self, path: str, **asked: Any) -> dict[str, Any]:
        answer = self._http.get(path, params={"key": self._key, "maxResults": 50, **asked})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def search(self, query: str) -> list[str]:
        items = self.page("/search", part="snippet", type="channel", q=query)["items"]
        ids = [item["id"]["channelId"] for item in items]
        self._channels |= self._named(id=",".join(ids))
        return ids

    def channel(self, name: str) -> dict[str, Any] | None:
        if name in self._channels:
            return self._channels[name]
        by = {"forHandle": name} if name.startswith("@") else {"id": name}
        return next(iter(self._named(**by).values()), None)

    def _named(self, **by: str) -> dict[str, dict[str, Any]]:
        found = {}
        for item in self.page("/channels", part="snippet,statistics,topicDetails", **by)["items"]:
            counts = item["statistics"]
            hidden = counts.get("hiddenSubscriberCount")
            topics = item.get("topicDetails", {}).get("topicCategories", [])
            found[item["id"]] = {
                "id": item["id"],
                "subscribers": None if hidden else int(counts["subscriberCount"]),
                "videos": int(counts["videoCount"]),
                "topics": [topic.rsplit("/", 1)[1] for topic in topics],
            }
        return found

    def uploads(self, channel_id: str) -> list[tuple[str, dt.datetime]]:
        playlist = f"UU{channel_id[2:]}"
        items = self.page("/playlistItems", part="contentDetails", playlistId=playlist)["items"]
        details = [one for item in items if "videoPublishedAt" in (one := item["contentDetails"])]
        ids = ",".join(one["videoId"] for one in details)
        for item in self.page("/videos", part="snippet,statistics", id=ids)["items"]:
            views = item["statistics"].get("viewCount")
            self._videos[item["id"]] = {
                "id": item["id"],
                "title": item["snippet"]["title"],
                "description": item["snippet"]["description"],
                "views": None if views is None else int(views),
                "category": item["snippet"]["categoryId"],
            }
        return [
            (one["videoId"], dt.datetime.fromisoformat(one["videoPublishedAt"])) for one in details
        ]

    def video(self, video_id: str) -> dict[str, Any] | None:
        return self._videos.get(video_id)

    def pages(self, channel_id: str | None, since: dt.datetime) -> int:
        """Pages of a channel's uploads up to one that is wholly older."""
        if channel_id is None:
            return 0
        asked = {"part": "contentDetails", "playlistId": f"UU{channel_id[2:]}"}
        pages = 0
        while True:
            page = self.page("/playlistItems", **asked)
            pages += 1
            details = [item["contentDetails"] for item in page["items"]]
            newest = max(one["videoPublishedAt"] for one in details if "videoPublishedAt" in one)
            if dt.datetime.fromisoformat(newest) < since or "nextPageToken" not in page:
                return pages
            asked["pageToken"] = page["nextPageToken"]


def test_scores_and_units_of_a_run_over_the_data_api(
    database: str,
    youtube_local: YouTubeLocal,
    stack_settings: Settings,
    unique: Callable[[str], str],
) -> None:
    prepare(database)
    ours, theirs = youtube_local.new_key(), youtube_local.new_key()
    for key in (ours, theirs):
        youtube_local.clock(key, at=NOW)
        youtube_local.quota(key, limit=1_000_000)
    world = youtube_local.world
    # One that is far larger than what is searched for, and what is hidden or tells of games.
    channels = world.channels(world.channel_ids()[:300], NOW)
    largest = max(channels, key=lambda one: one.subscribers)
    scary = next(one for one in channels if "After Dark" in one.title)
    rivals = [str(largest.handle), scary.channel_id]
    content = queries(*QUERIES)
    asked = AnalysisRequest(
        exclusion_channels=(*rivals, "@nobody-has-this-handle"),
        min_subs=20_000,
        max_subs=80_000,
        time_window=30,
        outlier_threshold=12,
    )
    assert largest.subscribers > asked.max_subs

    async def scenario() -> None:
        redis = Redis.from_url(str(stack_settings.redis_url))
        source = client(redis, youtube_local.endpoint, ours, cache=unique("cache"))
        async with redis, source:
            await ask(database, "a", asked, content)
            await run(database, source, "a")

    asyncio.run(scenario())
    found = asyncio.run(state(database, "a"))
    told = summary(found)
    assert told["unresolved"] == ["@nobody-has-this-handle"]
    http = httpx.Client(base_url=f"{youtube_local.endpoint}/youtube/v3", trust_env=False)
    with http:
        facts = RawFacts(http, theirs)
        right = analysis(
            facts,
            now=NOW,
            competitors=rivals,
            queries=list(QUERIES),
            games={one.name: list(one.phrases) for one in defaults().game_patterns},
            min_subs=asked.min_subs,
            max_subs=asked.max_subs,
            window=asked.time_window,
            threshold=asked.outlier_threshold,
        )
        assert len(right["results"]) > 3
        assert right["games"]
        assert told["exclusion_games"] == right["games"]
        assert told["channels_analyzed"] == right["scored"]
        assert found.result is not None
        results = json.loads(found.result.results)
        got = [(one["video_id"], one["score"], one["brand_fit"]) for one in results]
        assert got == right["results"]

        # The sum of docs/analyses.md.
        reads = found.competitors.values()
        since = NOW - dt.timedelta(days=30)
        videos = [len(ids) for ids in found.uploads.values()]
        by_hand = (
            sum(1 + facts.pages(one.channel_id, since) + calls(one.videos) for one in reads)
            + 100 * len(QUERIES)
            + calls(len(found.candidates))
            + len(videos)
            + calls(sum(videos))
        )
        assert told["units"] == by_hand
        assert youtube_local.spent(ours) == by_hand


def calls(ids: int) -> int:
    return math.ceil(ids / 50)
