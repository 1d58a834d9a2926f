"""Score rows as the virality agent writes them: many videos, each scored again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import polars as pl

from benchmarks.load import FrameProducer
from infra.settings import Settings
from schemas.avro_types import frame_schema
from schemas.catalogue import VIRALITY_SCORES

VIDEOS = 200_000
_BATCH = 50_000
_MINUTE_US = 60_000_000
_SCHEMA = pl.Schema(frame_schema(VIRALITY_SCORES.schema))


def batches(count: int, *, first: int = 0, size: int = _BATCH) -> Iterator[pl.DataFrame]:
    """Rows `first` to `count` in frames with the topic's columns.

    Every video has one a minute.

    Args:
        size: rows in a frame; a divisor of the number of videos, so that none is twice in one.
    """
    rng = np.random.default_rng(1)
    start = int(time.time() // 60) * _MINUTE_US
    order = rng.permutation(VIDEOS)
    for begin in range(first, count, size):
        at = begin % VIDEOS
        videos = order[at : at + size]
        yield _rows(rng, videos, start + begin // VIDEOS * _MINUTE_US, begin)


def _rows(
    rng: np.random.Generator,
    videos: np.ndarray[tuple[int], np.dtype[np.int64]],
    as_of: int,
    at: int,
) -> pl.DataFrame:
    size = len(videos)
    views = rng.integers(1, 100_000, size)
    integers = {
        name: views // part
        for name, part in {
            "likes": 20,
            "dislikes": 900,
            "comments": 100,
            "shares": 90,
            "saves": 80,
            "impressions": 1,
            "unique_viewers": 2,
        }.items()
    }
    decayed = {f"views_{name}": views * rng.random(size) for name in ("1h", "6h", "24h", "7d")}
    bands = {
        f"predicted_views_{age}{end}": views * (1.5 + k)
        for age in ("24h", "7d", "30d")
        for k, end in enumerate(("", "_lower", "_upper"))
    }
    return pl.DataFrame(
        {
            "video_id": [f"video{n:07d}" for n in videos.tolist()],
            "channel_id": [f"channel{n % 5000:05d}" for n in videos.tolist()],
            "as_of": as_of + rng.integers(0, _MINUTE_US, size),
            "views": views,
            "watch_ms": views * 31_000,
            **integers,
            **decayed,
            "viewers": [b"\x01" * 64] * size,
            "since": None,
            "score": rng.random(size) * 100,
            "velocity": views / 7.0,
            "acceleration": rng.random(size) * 3,
            "burst_z": rng.random(size) * 3,
            **bands,
            "model_version": ["shape-1"] * size,
            "reasons": [["1,204 views an hour over the last 6 h", "2.1 times the pace of a day"]]
            * size,
            "applied_offset": np.arange(at, at + size),
            "generation": np.ones(size, dtype=np.int32),
        }
    ).select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def publish(settings: Settings, count: int, *, first: int = 0) -> None:
    """Publish rows `first` to `count` to the scores topic."""
    producer = FrameProducer(settings, VIRALITY_SCORES, **{"linger.ms": 50, "batch.size": 1 << 20})
    for frame in batches(count, first=first):
        producer.send(frame)
    producer.acknowledged()
