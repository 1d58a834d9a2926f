"""What the agents' topics should hold, worked out from the log once more without the agents."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.settings import Settings
from schemas.catalogue import (
    VIDEO_SNAPSHOTS,
    VIRALITY_CHANNELS,
    VIRALITY_FORECASTS,
    VIRALITY_PREDICTIONS,
)
from schemas.topic import Topic
from tests.chaos.independent import Decoder, last_rows, messages

Row = dict[str, Any]
Counts = dict[dt.datetime, int]  # views by when they were observed


@dataclass
class Observed:
    """The log of snapshots, by video.

    Attributes:
        counts: of each video.
        last: the offset of its last snapshot; a repeated one is passed over.
        channel, published: of each video.
        events: snapshots and predictions.
    """

    counts: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(dict))
    last: dict[str, int] = field(default_factory=dict)
    channel: dict[str, str] = field(default_factory=dict)
    published: dict[str, dt.datetime] = field(default_factory=dict)
    predictions: dict[str, tuple[str, float]] = field(default_factory=dict)
    events: int = 0


@dataclass
class Verdict:
    """What is missing and what is too much.

    Attributes:
        wrong: keys that differ, and how.
    """

    lost: int = 0
    doubled: int = 0
    wrong: dict[str, str] = field(default_factory=dict)

    def miss(self, key: str, how: str) -> None:
        """Something is not there, or is not what it should be."""
        self.lost += 1
        self.wrong[key] = how

    def too_many(self, key: str, how: str) -> None:
        """Something is there twice."""
        self.doubled += 1
        self.wrong[key] = how


def observed(settings: Settings) -> Observed:
    """What the log says of videos, and what was predicted."""
    found = Observed()
    seen: set[str] = set()
    for offset, event in _events(settings, VIDEO_SNAPSHOTS):
        found.events += 1
        if event["event_id"] in seen:
            continue
        seen.add(event["event_id"])
        video = event["video_id"]
        found.counts[video][event["occurred_at"]] = event["views"]
        found.last[video] = offset
        found.channel[video] = event["channel_id"]
        found.published[video] = event["published_at"]
    for _, event in _events(settings, VIRALITY_PREDICTIONS):
        if "request" in event:
            found.events += 1
            found.predictions[event["prediction_id"]] = (event["video_id"], event["horizon_h"])
    return found


def verdict(settings: Settings, expected: Observed) -> Verdict:
    """How the agents' topics differ from what they should hold."""
    found = Verdict()
    _memory(settings, expected, found)
    _forecasts(settings, expected, found)
    _actuals(settings, expected, found)
    return found


def _memory(settings: Settings, expected: Observed, found: Verdict) -> None:
    """The last row of each channel, which is what compaction keeps, has every count once."""
    topic = VIRALITY_CHANNELS
    rows = last_rows(settings, topic.name, topic.schema, topic.partitions, key="channel_id")
    kept: dict[str, Counts] = {}
    for row in rows.values():
        for video in row["videos"]:
            counts = {one["at"]: one["views"] for one in video["observed"]}
            if video["video_id"] in kept or len(counts) < len(video["observed"]):
                found.too_many(video["video_id"], "is remembered twice")
            kept[video["video_id"]] = counts
    for video, counts in expected.counts.items():
        if kept.get(video) != counts:
            found.miss(video, f"is remembered as {kept.get(video)}, not {counts}")
    for video in kept.keys() - expected.counts.keys():
        found.too_many(video, "is remembered, but nobody observed it")


def _forecasts(settings: Settings, expected: Observed, found: Verdict) -> None:
    """Each video's furthest forecast is of its last snapshot; made again, it is the same."""
    furthest: dict[str, Row] = {}
    said: dict[tuple[str, int], Row] = {}
    for _, row in _events(settings, VIRALITY_FORECASTS):
        video, at = row["video_id"], row["applied_offset"]
        if row["applied_offset"] >= furthest.get(video, row)["applied_offset"]:
            furthest[video] = row
        # How many have reasons depends on the chunk.
        told = {name: value for name, value in row.items() if name != "reasons"}
        if said.setdefault((video, at), told) != told:
            found.too_many(f"{video} at {at}", f"{told} besides {said[video, at]}")
    for video, at in expected.last.items():
        row = furthest.get(video, {})
        newest = max(expected.counts[video].items())
        if (row.get("applied_offset"), row.get("as_of"), row.get("views")) != (at, *newest):
            found.miss(f"forecast of {video}", f"{row}, not at {at}")


def _actuals(settings: Settings, expected: Observed, found: Verdict) -> None:
    """Each prediction has one actual: between the counts around its age, views grow by a factor."""
    said: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for _, event in _events(settings, VIRALITY_PREDICTIONS):
        if "actual_views" in event:
            said[event["prediction_id"]].add((event["event_id"], event["actual_views"]))
    for prediction, (video, horizon_h) in expected.predictions.items():
        views = _views_at(expected.published[video], horizon_h, expected.counts[video])
        told = said.pop(prediction, set())
        if len(told) > 1:
            found.too_many(f"actual of {prediction}", str(told))
        elif [actual for _, actual in told] != [views]:
            found.miss(f"actual of {prediction}", f"{told}, not {views}")
    for prediction in said:
        found.too_many(f"actual of {prediction}", "nobody predicted it")


def _views_at(published: dt.datetime, horizon_h: float, counts: Counts) -> int:
    due = published + dt.timedelta(hours=horizon_h)
    before = max(at for at in counts if at < due)
    after = min(at for at in counts if at >= due)
    share = (due - before) / (after - before)
    growth = (1 + counts[after]) / (1 + counts[before])
    return round((1 + counts[before]) * math.pow(growth, share) - 1)


def _events(settings: Settings, topic: Topic) -> Iterator[tuple[int, Row]]:
    decode = Decoder(settings, topic.schema)
    for message in messages(settings, topic.name, topic.partitions):
        if message.value() is not None:
            event = decode(message.value())
            assert event is not None, f"{topic.name} has what is no event"
            yield message.offset(), event
