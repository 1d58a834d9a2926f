"""The definition of docs/outliers.md, one event after the other, in plain Python."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

LOWER_ENDS_H = [0, 6, 24, 48, 72, 168, 336, 720, 2160]
HORIZON = dt.timedelta(days=120)


@dataclass
class Channel:
    as_of: dt.datetime
    snapshots: int = 0
    recent: defaultdict[tuple[str, int], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    seen: dict[tuple[str, int], dt.datetime] = field(default_factory=dict)

    def row(self, channel_id: str) -> dict[str, Any]:
        return {
            "channel_id": channel_id,
            "as_of": self.as_of,
            "snapshots": self.snapshots,
            "baselines": [
                {
                    "format": format_,
                    "age_from_h": age,
                    "n": len(values),
                    "median_log10_views": statistics.median(values),
                    "mad_log10_views": deviation(values),
                    "recent": values,
                }
                for (format_, age), values in sorted(self.recent.items())
            ],
            "seen": [
                {"video_id": video, "age_from_h": age, "published_at": published}
                for published, video, age in sorted(
                    (published, video, age)
                    for (video, age), published in self.seen.items()
                    if published >= self.as_of - HORIZON
                )
            ],
        }


def deviation(values: list[float]) -> float:
    middle = statistics.median(values)
    return statistics.median(abs(value - middle) for value in values)


def bucket_of(age: dt.timedelta) -> int | None:
    hours = [lower for lower in LOWER_ENDS_H if age >= dt.timedelta(hours=lower)]
    return hours[-1] if hours and hours[-1] < 2160 else None


def format_of(duration: int | None) -> str:
    if duration is None:
        return "unknown"
    return "short" if duration <= 180 else "long"


def fold_one_by_one(
    events: Iterable[dict[str, Any]], multiple: float, z: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """State rows by channel_id, and detections without event_id and tail_probability."""
    channels: dict[str, Channel] = {}
    found = []
    for event in events:
        channel = channels.setdefault(event["channel_id"], Channel(event["occurred_at"]))
        channel.as_of = max(channel.as_of, event["occurred_at"])
        channel.snapshots += 1
        age = event["occurred_at"] - event["published_at"]
        bucket = bucket_of(age)
        oldest = channel.as_of - HORIZON
        if event["views"] is None or bucket is None or event["published_at"] < oldest:
            continue
        place = (event["video_id"], bucket)
        known = channel.seen.get(place)
        channel.seen[place] = max(known or event["published_at"], event["published_at"])
        if known is not None and known >= oldest:
            continue
        # The logarithm as Polars rounds it.
        x = math.log(event["views"] + 1) / math.log(10)
        format_ = format_of(event["duration_s"])
        recent = channel.recent[format_, bucket]
        verdict = judged(event, x, recent, multiple, z)
        if verdict:
            found.append(
                {
                    **verdict,
                    "format": format_,
                    "age_s": age // dt.timedelta(seconds=1),
                    "age_from_h": bucket,
                    "too_recent": age < dt.timedelta(hours=6),
                }
            )
        recent.append(x)
        del recent[:-20]
    return [channel.row(key) for key, channel in sorted(channels.items())], found


def judged(
    event: dict[str, Any], x: float, recent: list[float], multiple: float, z: float
) -> dict[str, Any] | None:
    n = len(recent)
    if n < 2:
        return None
    median, mad = statistics.median(recent), deviation(recent)
    score = (x - median) / max(1.4826 * mad, 0.1)
    expected = 10.0**median - 1
    times = (event["views"] + 1) / (expected + 1)
    if times < multiple or (n >= 5 and score < z):
        return None
    return {
        "occurred_at": event["occurred_at"],
        "video_id": event["video_id"],
        "channel_id": event["channel_id"],
        "title": event["title"],
        "published_at": event["published_at"],
        "views": event["views"],
        "expected_views": expected,
        "multiple": times,
        "z": score,
        "insufficient_history": n < 5,
        "baseline_n": n,
        "baseline_median_log10": median,
        "baseline_mad_log10": mad,
        "source_partition": event["_partition"],
        "source_offset": event["_offset"],
    }


def frames(
    events: pl.DataFrame, state: pl.Schema, detected: pl.Schema, multiple: float, z: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The reference's state and detections as frames with the columns of those schemas."""
    rows, found = fold_one_by_one(events.iter_rows(named=True), multiple, z)
    kept = {k: v for k, v in detected.items() if k not in ("event_id", "tail_probability")}
    return pl.DataFrame(rows, schema=state), pl.DataFrame(found, schema=kept)
