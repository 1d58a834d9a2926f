"""Snapshots for the tests of outliers: by hand, and streams of them with everything that happens.

A snapshot is a dict of the fields that the fold reads; `frame` makes the fold's input of a list.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import polars as pl
from hypothesis import strategies as st

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_DETECTIONS, OUTLIER_SHIFTS, VIDEO_SNAPSHOTS
from streams.columnar.fold import numbered
from streams.outliers.fold import OutlierFold

DAY_0 = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
COORDINATES = {
    "_partition": pl.Int32(),
    "_offset": pl.Int64(),
    "_timestamp": pl.Datetime("us", "UTC"),
}
SCHEMA = {**frame_schema(VIDEO_SNAPSHOTS.schema), **COORDINATES}

Snapshot = dict[str, Any]


def snapshot(
    video: str,
    *,
    hours: float,
    views: int | None,
    published: float = 0,
    channel: str = "c",
    duration: int | None = 600,
    category: str | None = None,
) -> Snapshot:
    """A snapshot of a video at an age of `hours`; `published` is in hours after `DAY_0`."""
    published_at = DAY_0 + dt.timedelta(hours=published)
    return {
        "channel_id": channel,
        "video_id": video,
        "title": f"about {video}",
        "published_at": published_at,
        "occurred_at": published_at + dt.timedelta(hours=hours),
        "duration_s": duration,
        "category": category,
        "views": views,
    }


def frame(snapshots: Iterable[Snapshot]) -> pl.DataFrame:
    """The fold's input: offsets count from 0 in steps of 3, as a compacted log's may."""
    events = [
        {
            "event_id": f"e{number}",
            "_partition": 1,
            "_offset": 3 * number,
            "_timestamp": one["occurred_at"],
            **one,
        }
        for number, one in enumerate(snapshots)
    ]
    return pl.DataFrame(events, schema=SCHEMA)


class Outcome(NamedTuple):
    """State rows by channel_id, and what was emitted in the order of the log."""

    rows: pl.DataFrame
    detections: pl.DataFrame
    shifts: pl.DataFrame


def fold_in_chunks(fold: OutlierFold, events: pl.DataFrame, cuts: Sequence[int] = ()) -> Outcome:
    """What comes of folding chunk by chunk."""
    state = pl.DataFrame(schema=fold.state)
    found = {
        topic: [pl.DataFrame(schema=frame_schema(topic.schema))]
        for topic in (OUTLIER_DETECTIONS, OUTLIER_SHIFTS)
    }
    for start, end in itertools.pairwise([0, *sorted(cuts), len(events)]):
        if start == end:
            continue
        keys, chunk = numbered(events[start:end], "channel_id")
        rows = keys.to_frame().join(state, on="channel_id", how="left", maintain_order="left")
        folded = fold(rows, chunk)
        state = pl.concat([state.join(rows, on="channel_id", how="anti"), folded.rows])
        for topic, frames in found.items():
            frames.append(folded.emitted[topic])
    detections, shifts = (
        pl.concat(frames).sort("source_offset", maintain_order=True) for frames in found.values()
    )
    return Outcome(state.sort("channel_id"), detections, shifts)


# Ages at and around the ends of buckets, before publication, and beyond the last bucket.
_AGES_H = st.sampled_from([-1, 0, 1, 5.999, 6, 23, 24, 30, 47.9, 48, 72, 400, 720, 2159.9, 2160])
# Publications so far apart that memories are dropped, and close ones that are not.
_PUBLISHED_H = st.sampled_from(
    [0, 1, 30, 24 * 89, 24 * 119, 24 * 120, 24 * 121, 24 * 260, 24 * 500]
)

small_streams = st.lists(
    st.builds(
        snapshot,
        st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6", "v7"]),
        hours=_AGES_H,
        views=st.sampled_from([None, 0, 9, 10, 99, 100, 350, 1000, 10**6]),
        published=_PUBLISHED_H,
        channel=st.sampled_from(["c", "c", "d"]),
        duration=st.sampled_from([None, 180, 181]),
        category=st.sampled_from([None, "24", "nobody knows"]),
    ),
    min_size=1,
    max_size=40,
)


def long_stream(seed: int, length: int = 1500, videos: int | None = None) -> list[Snapshot]:
    """A stream with repeats, late ones, recounts, hidden counts, moved dates and new lengths."""
    rng = random.Random(seed)
    known = [
        (f"v{number}", rng.choice("abc"), rng.uniform(0, 24 * 200), rng.choice([None, 60, 600]))
        for number in range(videos or rng.choice([40, 400]))
    ]
    snapshots = []
    for _ in range(length):
        video, channel, published, duration = rng.choice(known)
        if rng.random() < 0.02:
            published += rng.choice([-500, 1, 24 * 125])
        if rng.random() < 0.03:
            duration = rng.choice([None, 60, 600])
        age = rng.choice([rng.uniform(0, 30), rng.uniform(-5, 300), rng.uniform(0, 2500)])
        # Channel b has a new level half-way, and everybody a hit now and then.
        level = 4 + 1.2 * (channel == "b" and published > 24 * 100) + 2 * (rng.random() < 0.02)
        views = None if rng.random() < 0.05 else int(10 ** rng.gauss(level, 0.3))
        snapshots.append(
            snapshot(
                video,
                hours=round(age, 3),
                views=views,
                published=round(published, 3),
                channel=channel,
                duration=duration,
                category=rng.choice(["24", None]) if rng.random() < 0.01 else "24",
            )
        )
    # Nearly in order, with some that come weeks or months late.
    snapshots.sort(
        key=lambda one: (
            one["occurred_at"]
            + dt.timedelta(days=rng.choice([0, 0, 0, 0, 1, 40, 150]) * rng.random())
        )
    )
    again = rng.sample(range(length), length // 20)
    for at in again:
        snapshots.insert(rng.randrange(at, length), dict(snapshots[at]))
    return snapshots
