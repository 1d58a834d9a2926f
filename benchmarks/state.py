"""A compacted output topic as a virality worker leaves it: several rows per key."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from infra.settings import Settings
from schemas.avro_types import frame_schema
from schemas.catalogue import VIRALITY_SCORES
from schemas.registry import Registry
from streams.columnar.hyperloglog import added
from streams.columnar.partition import APPLIED
from streams.columnar.sink import Sink
from streams.virality.fold import ViralityFold

_BATCH = 50_000
_DAY_US = 86_400_000_000
_VIEWERS = 8  # of each key


def publish_state(settings: Settings, keys: int, rows_per_key: int, *, seed: int = 1) -> None:
    """Write that many rows of each key, the rows of a key far apart; partitions in turn."""
    rng = np.random.default_rng(seed)
    sink = Sink(settings.kafka_config(), Registry(settings.registry_config()))
    partitions = VIRALITY_SCORES.partitions
    for turn in range(rows_per_key):
        for first in range(0, keys, _BATCH):
            numbers = np.arange(first, min(keys, first + _BATCH))
            frame = state_rows(rng, numbers, turn)
            for partition in range(partitions):
                part = frame.filter(pl.Series(numbers % partitions == partition))
                sink.send(VIRALITY_SCORES, part, partition=partition)
        sink.acknowledged(300)


def state_rows(rng: np.random.Generator, numbers: np.ndarray, turn: int) -> pl.DataFrame:
    """Rows of the output topic for the keys of these numbers."""
    count = len(numbers)
    now = int(time.time() * 1e6)
    fold = ViralityFold()
    state = {
        name: pl.Series(rng.integers(0, 1000, count)).cast(dtype)
        if dtype.is_numeric()
        else pl.Series(now - rng.integers(0, _DAY_US, count)).cast(dtype)
        for name, dtype in fold.state.items()
        if dtype.is_numeric() or dtype.is_temporal()
    }
    rows = pl.DataFrame(
        {
            "video_id": [f"video{n:08d}" for n in numbers.tolist()],
            "channel_id": [f"channel{n % 50_000:05d}" for n in numbers.tolist()],
            **state,
            "viewers": _sketches(rng, count),
            APPLIED: pl.Series(numbers + turn * 10_000_000, dtype=pl.Int64),
            "generation": pl.Series(np.ones(count), dtype=pl.Int32),
        }
    )
    rendered = fold.render(rows)
    return rendered.select(frame_schema(VIRALITY_SCORES.schema).names())


def _sketches(rng: np.random.Generator, count: int) -> pl.Series:
    row = np.repeat(np.arange(count), _VIEWERS)
    viewers = pl.Series(rng.integers(0, 10**7, len(row))).cast(pl.String)
    return added(pl.Series([None] * count, dtype=pl.Binary), row, viewers)
