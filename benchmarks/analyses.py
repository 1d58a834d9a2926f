"""An outlier analysis of 20 channels over the local Data API, then 20 analyses at once.

Units are held against the sum by hand (docs/analyses.md) and against what the server has counted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
import time
from collections.abc import Iterable
from typing import Any

import httpx
from psycopg import AsyncConnection

from benchmarks.generation import running
from benchmarks.machine import machine
from infra.settings import Settings
from streams.outliers.analyses import commands
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.state import Analysis
from streams.outliers.content import content
from streams.outliers.content.shapes import defaults
from streams.outliers.youtube.client import LOCAL_KEY

QUERY = "family gaming funny moments"
CHANNELS = 20
TOGETHER = 20
DAYS = 30  # of the window
BAR_S = 10.0
_OTHER_KEY = "bench"  # of what the benchmark itself asks: its units are nobody's


def run() -> dict[str, Any]:
    """Measure; the result is what `groundswell bench analyses --json` prints. `ours` is seconds."""
    with running("relay", "analysis-worker", "youtube-local") as settings:
        raw = _Raw(str(settings.youtube_api_endpoint))
        asked = raw.wanted()
        seconds, [one] = asyncio.run(_timed(settings, {"one": asked}))
        by_hand, counted = raw.by_hand(one), raw.spent()
        many = {
            f"run-{number}": asked.model_copy(update={"outlier_threshold": 10.0 + number})
            for number in range(TOGETHER)
        }
        together, all_of_them = asyncio.run(_timed(settings, many))
        raw.close()
    told = _summary(one)
    return {
        "name": "analyses",
        "ours": round(seconds, 2),
        "unit": f"s for {CHANNELS} channels",
        "bar": BAR_S,
        "channels": told["channels_discovered"],
        "videos": told["videos_analyzed"],
        "units": {"told": told["units"], "by_hand": by_hand, "counted_by_the_server": counted},
        "together": {
            "analyses": TOGETHER,
            "seconds": round(together, 2),
            "right": sum(_is_part_of(one, other) for other in all_of_them),
        },
        "peers": {},
        "ratios": {},
        "machine": machine(),
    }


async def _timed(
    settings: Settings, asked: dict[str, AnalysisRequest]
) -> tuple[float, list[Analysis]]:
    """Seconds until all have ended, and how they ended."""
    async with await AsyncConnection.connect(settings.dsn, autocommit=True) as conn:
        searched = defaults().model_copy(update={"search_queries": (QUERY,)})
        await content.change(conn, searched, changed_by="bench")
        started = time.monotonic()
        for analysis_id, request in asked.items():
            await commands.start(conn, analysis_id=analysis_id, user_id="bench", request=request)
        while True:
            states = await commands.states(conn, asked)
            if all(one.status.ended for one in states.values()):
                return time.monotonic() - started, [states[one] for one in asked]
            await asyncio.sleep(0.1)


def _summary(one: Analysis) -> dict[str, Any]:
    if one.result is None:
        raise RuntimeError(f"the analysis is {one.status}: {one.error}")
    told: dict[str, Any] = json.loads(one.result.summary)
    return told


def _is_part_of(one: Analysis, other: Analysis) -> bool:
    """Whether the other, with its own threshold, has of the first one's results what is above it.

    Views grow between the two, but what the first one has read is in the cache.
    """
    assert one.result is not None
    _summary(other)
    assert other.result is not None
    threshold = other.asked.outlier_threshold
    above = [r for r in json.loads(one.result.results) if r["score"] > threshold]
    return above == json.loads(other.result.results)


class _Raw(httpx.Client):
    """The server, asked without the client."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(base_url=endpoint, trust_env=False)

    def page(self, path: str, **asked: Any) -> dict[str, Any]:
        params = {"key": _OTHER_KEY, "maxResults": 50, **asked}
        found: dict[str, Any] = self.get(f"/youtube/v3/{path}", params=params).json()
        return found

    def wanted(self) -> AnalysisRequest:
        """One whose search finds so many channels that suit, beside two competitors."""
        hits = self.page("search", part="snippet", type="channel", q=QUERY)["items"]
        ids = ",".join(hit["id"]["channelId"] for hit in hits)
        found = self.page("channels", part="snippet,statistics", id=ids)["items"]
        sizes = sorted(
            int(one["statistics"]["subscriberCount"])
            for one in found
            if not one["statistics"].get("hiddenSubscriberCount")
            and int(one["statistics"]["videoCount"]) >= 50
        )
        sizes = [size for size in sizes if size >= 1_000]
        hidden = sum(bool(one["statistics"].get("hiddenSubscriberCount")) for one in found)
        most = sizes[CHANNELS - hidden - 1]
        others = self.page("search", part="snippet", type="channel", q="horror")["items"][:2]
        return AnalysisRequest(
            exclusion_channels=tuple(one["id"]["channelId"] for one in others),
            min_subs=1_000,
            max_subs=max(most, 10_000),
            time_window=DAYS,
            outlier_threshold=10,
        )

    def by_hand(self, one: Analysis) -> int:
        """What docs/analyses.md says that the analysis costs."""
        videos = [len(ids) for ids in one.uploads.values()]
        reads = one.competitors.values()
        return (
            sum(1 + self._pages(read.channel_id or "") + _calls(read.videos) for read in reads)
            + 100 * len(one.searches)
            + _calls(len(one.candidates))
            + len(videos)
            + _calls(sum(videos))
        )

    def _pages(self, channel_id: str) -> int:
        """Pages of its uploads up to one that is wholly older than the window."""
        since = dt.datetime.now(dt.UTC) - dt.timedelta(days=DAYS)
        asked: dict[str, str] = {"part": "contentDetails", "playlistId": f"UU{channel_id[2:]}"}
        pages = 0
        while True:
            page = self.page("playlistItems", **asked)
            pages += 1
            times = _times(page["items"])
            if max(times, default=since) < since or "nextPageToken" not in page:
                return pages
            asked["pageToken"] = page["nextPageToken"]

    def spent(self) -> int:
        """Units that the worker's key has spent, as the server counts."""
        return int(self.get("/_local/quota", params={"key": LOCAL_KEY}).json()["spent"])


def _times(items: Iterable[dict[str, Any]]) -> list[dt.datetime]:
    details = (item["contentDetails"] for item in items)
    return [
        dt.datetime.fromisoformat(one["videoPublishedAt"])
        for one in details
        if "videoPublishedAt" in one
    ]


def _calls(ids: int) -> int:
    return math.ceil(ids / 50)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
