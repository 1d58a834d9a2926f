"""What the tables must say about published events, counted here without any agent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from infra.ingest.rows import Batch
from schemas.catalogue import CHANNEL_SNAPSHOTS, ENGAGEMENT, VIDEO_SNAPSHOTS

_COUNTED = {
    "views": "view",
    "dislikes": "dislike",
    "comments": "comment",
    "shares": "share",
    "saves": "save",
    "impressions": "impression",
}
_KEPT = ["event_id", "video_id", "channel_id", "occurred_at", "kind", "watch_ms"]


class Expected:
    """Watches batches on their way to the log and counts them its own way."""

    def __init__(self) -> None:
        self._frames: defaultdict[str, list[pl.DataFrame]] = defaultdict(list)

    def watching(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches."""
        for batch in batches:
            if isinstance(batch.events, pl.DataFrame):
                kept = [name for name in _KEPT if name in batch.events.columns]
                self._frames[batch.topic.name].append(batch.events.select(kept))
            yield batch

    def totals(self) -> dict[str, int]:
        """By how much the API's totals must have grown; dotted names are inside objects."""
        snapshots = self._all(VIDEO_SNAPSHOTS.name)
        channels = self._all(CHANNEL_SNAPSHOTS.name)
        events = self._all(ENGAGEMENT.name)
        known = [
            frame["video_id"]
            for frames in self._frames.values()
            for frame in frames
            if "video_id" in frame.columns
        ]
        totals = {
            "videos": pl.concat(known).n_unique() if known else 0,
            "snapshots": _rows(snapshots, "video_id", "occurred_at"),
            "channels": channels["channel_id"].n_unique() if channels.height else 0,
            "channel_snapshots": _rows(channels, "channel_id", "occurred_at"),
        }
        if not events.height:
            return totals
        once = events.unique("event_id")  # a producer's retry counts once
        kinds: dict[str, int] = dict(once.group_by("kind").len().iter_rows())
        totals |= {
            "scored_videos": once["video_id"].n_unique(),
            "engagement.likes": kinds.get("like", 0) - kinds.get("unlike", 0),
            "engagement.watch_ms": int(once["watch_ms"].cast(pl.Int64).sum()),
            **{f"engagement.{name}": kinds.get(kind, 0) for name, kind in _COUNTED.items()},
        }
        return totals

    def _all(self, topic: str) -> pl.DataFrame:
        frames = self._frames[topic]
        return pl.concat(frames) if frames else pl.DataFrame()


def _rows(frame: pl.DataFrame, *identity: str) -> int:
    return frame.select(identity).n_unique() if frame.height else 0


def grown(before: dict[str, Any], after: dict[str, Any], names: Iterable[str]) -> dict[str, int]:
    """By how much totals of the API have grown."""
    return {name: _at(after, name) - _at(before, name) for name in names}


def _at(totals: dict[str, Any], name: str) -> int:
    found: Any = totals
    for part in name.split("."):
        found = found.get(part, 0)
    return int(found)
