"""Snapshots for the tests of outliers: by hand, and streams of them with everything that happens.

A snapshot is a dict of the fields that the fold reads; `frame` makes the fold's input of a list.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from hypothesis import strategies as st

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_DETECTIONS, VIDEO_SNAPSHOTS
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


def fold_in_chunks(
    fold: OutlierFold, events: pl.DataFrame, cuts: Sequence[int] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """State rows by channel_id and detections in log order, after folding chunk by chunk."""
    state = pl.DataFrame(schema=fold.state)
    found = [pl.DataFrame(schema=frame_schema(OUTLIER_DETECTIONS.schema))]
    edges = [0, *sorted(cuts), len(events)]
    for start, end in itertools.pairwise(edges):
        if start == end:
            continue
        chunk = events[start:end]
        keys = chunk.select("channel_id").unique()
        folded = fold(state.join(keys, on="channel_id", how="semi"), chunk)
        state = pl.concat([state.join(keys, on="channel_id", how="anti"), folded.rows])
        found.append(folded.emitted[OUTLIER_DETECTIONS])
    return state.sort("channel_id"), pl.concat(found).sort("source_offset")


# Ages at and around the ends of buckets, before publication, and beyond the last bucket.
_AGES_H = st.sampled_from([-1, 0, 1, 5.999, 6, 23, 24, 30, 47.9, 48, 72, 400, 720, 2159.9, 2160])
# Publications so far apart that memories are dropped, and close ones that are not.
_PUBLISHED_H = st.sampled_from([0, 1, 30, 24 * 89, 24 * 119, 24 * 120, 24 * 121, 24 * 260])

small_streams = st.lists(
    st.builds(
        snapshot,
        st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6", "v7"]),
        hours=_AGES_H,
        views=st.sampled_from([None, 0, 9, 10, 99, 100, 350, 1000, 10**6]),
        published=_PUBLISHED_H,
        channel=st.sampled_from(["c", "c", "d"]),
        duration=st.sampled_from([None, 180, 181]),
    ),
    min_size=1,
    max_size=40,
)


def long_stream(seed: int, length: int = 1500) -> list[Snapshot]:
    """A stream with repeats, late ones, recounts, hidden counts and moved publications."""
    rng = random.Random(seed)
    videos = [
        (f"v{number}", rng.choice("abc"), rng.uniform(0, 24 * 200), rng.choice([None, 60, 600]))
        for number in range(rng.choice([40, 400]))
    ]
    snapshots = []
    for _ in range(length):
        video, channel, published, duration = rng.choice(videos)
        if rng.random() < 0.02:
            published += rng.choice([-500, 1, 24 * 125])
        age = rng.choice([rng.uniform(0, 30), rng.uniform(-5, 300), rng.uniform(0, 2500)])
        views = None if rng.random() < 0.05 else int(10 ** rng.gauss(4, 0.7))
        snapshots.append(
            snapshot(
                video,
                hours=round(age, 3),
                views=views,
                published=round(published, 3),
                channel=channel,
                duration=duration,
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
