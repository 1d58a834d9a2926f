"""Snapshots for the tests of forecasts, and the fold run over them chunk by chunk."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import VIDEO_SNAPSHOTS, VIRALITY_FORECASTS
from streams.columnar.fold import numbered
from streams.virality.forecasts.fold import ForecastFold

DAY_0 = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SCHEMA = {
    **frame_schema(VIDEO_SNAPSHOTS.schema),
    "_partition": pl.Int32(),
    "_offset": pl.Int64(),
    "_timestamp": pl.Datetime("us", "UTC"),
}

Snapshot = dict[str, Any]


def snapshot(
    video: str, *, hours: float, views: int | None, published: float = 0, **facts: Any
) -> Snapshot:
    """A snapshot at an age of `hours`; `published` is in hours after `DAY_0`."""
    published_at = DAY_0 + dt.timedelta(hours=published)
    at = published_at + dt.timedelta(hours=hours)
    return {
        "channel_id": "c",
        "video_id": video,
        "title": f"about {video}",
        "published_at": published_at,
        "occurred_at": at,
        "duration_s": 60,
        "category": "24",
        "views": views,
        "likes": None if views is None else views // 10,
        "comments": None,
        "_timestamp": at,
        **facts,
    }


def frame(snapshots: Iterable[Snapshot]) -> pl.DataFrame:
    """The fold's input: offsets count from 0 in steps of 3, as a log with gaps may."""
    events = [
        {"event_id": f"e{number}", "_partition": 1, "_offset": 3 * number, **one}
        for number, one in enumerate(snapshots)
    ]
    return pl.DataFrame(events, schema=SCHEMA)


def fold_in_chunks(
    fold: ForecastFold, events: pl.DataFrame, cuts: Sequence[int] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """State rows by channel, and every forecast that was emitted, in their order."""
    state = pl.DataFrame(schema=fold.state)
    found = [pl.DataFrame(schema=frame_schema(VIRALITY_FORECASTS.schema))]
    edges = sorted({0, *(cut for cut in cuts if cut < len(events)), len(events)})
    for start, end in itertools.pairwise(edges):
        keys, chunk = numbered(events[start:end], "channel_id")
        rows = pl.DataFrame([keys]).join(state, on="channel_id", how="left", maintain_order="left")
        folded = fold(rows.select(fold.state.names()), chunk)
        assert folded.rows["channel_id"].to_list() == keys.to_list()
        state = pl.concat([state.join(folded.rows, on="channel_id", how="anti"), folded.rows])
        found.append(folded.emitted[VIRALITY_FORECASTS])
    return state.sort("channel_id"), pl.concat(found)


def newest(forecasts: pl.DataFrame) -> pl.DataFrame:
    """What compaction leaves: the last forecast of each video."""
    return forecasts.unique("video_id", keep="last").sort("video_id")


def in_order(seed: int, count: int, *, videos: int = 150, channels: str = "ab") -> list[Snapshot]:
    """A well-behaved log: counts that grow, and no two snapshots of one instant."""
    rng = random.Random(seed)
    known = [
        {
            "video_id": f"v{number:03d}",
            "channel_id": rng.choice(channels),
            "published": rng.uniform(0, 24 * 40),
            "rate": 10 ** rng.uniform(0, 4),
            "category": rng.choice(["10", "24", None]),
            "duration_s": rng.choice([30, 600, None]),
        }
        for number in range(videos)
    ]
    snapshots: list[Snapshot] = []
    for step in range(count):
        now = 24 * 50 * (step + rng.random()) / count
        out = [one for one in known if one["published"] < now - 0.01]
        if not out:
            continue
        one = rng.choice(out[-60:] if rng.random() < 0.5 else out)
        age = now - float(one["published"])
        snapshots.append(
            snapshot(
                one["video_id"],
                hours=age,
                published=one["published"],
                views=int(one["rate"] * age**0.6),
                channel_id=one["channel_id"],
                category=one["category"],
                duration_s=one["duration_s"],
            )
        )
    return snapshots


def unruly(seed: int, count: int) -> list[Snapshot]:
    """What happens too: late ones, copies, recounts, hidden counts, moved publications, skew."""
    rng = random.Random(seed)
    snapshots = in_order(seed, count)
    received = [one["occurred_at"] for one in snapshots]
    for at, one in enumerate(snapshots):
        chance = rng.random()
        if chance < 0.05:
            one["views"] = one["likes"] = None
        elif chance < 0.1:
            one["views"] = max(0, one["views"] - rng.randrange(500))
        elif chance < 0.13:
            one["published_at"] += dt.timedelta(hours=rng.choice([-30, 5, 400]))
        elif chance < 0.18:
            one["occurred_at"] -= dt.timedelta(hours=rng.uniform(0, 500))
        elif chance < 0.23 and at:
            earlier = snapshots[rng.randrange(at)]
            snapshots[at] = {**earlier, "views": rng.choice([earlier["views"], 7, None])}
    for one, time in zip(snapshots, received, strict=True):
        one["_timestamp"] = time  # the log's own clock runs on
    return snapshots
