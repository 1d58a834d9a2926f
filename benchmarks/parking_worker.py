"""State rows of many keys, few of them alive, put into a table as a restore does."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.machine import resident_mib
from benchmarks.state import state_rows
from schemas.frames import COORDINATES
from streams.columnar.partition import APPLIED
from streams.columnar.restore import Newest
from streams.columnar.state.quiet import Parking
from streams.columnar.state.table import KeyedTable
from streams.virality.agent import NAME  # the whole worker is imported, as in one that runs
from streams.virality.fold import ViralityFold

_BATCH = 25_000  # rows of one fetch
_CHUNK_KEYS = 12_400  # distinct keys of a chunk of 60,000 events (Zipf 1.2)
_HOUR_MS = 3_600_000
_QUIET_MS = 72 * _HOUR_MS
_NOW_MS = 1_767_225_600_000
_SCHEMA = pl.Schema({**ViralityFold.state, APPLIED: pl.Int64()})


def main(keys: int, alive: int, parks: bool, **_: Any) -> None:
    rng = np.random.default_rng(1)
    empty = resident_mib()
    with tempfile.TemporaryDirectory() as folder:
        parking = Parking(_QUIET_MS, Path(folder)) if parks else None
        table = KeyedTable(_SCHEMA, "video_id", parking)
        table.reach(_NOW_MS)
        newest = Newest(table, "video_id")
        wall = cpu = 0.0
        for frame in _log(rng, keys, alive):
            started, worked = perf_counter(), process_time()
            newest.add(frame)
            wall, cpu = wall + perf_counter() - started, cpu + process_time() - worked
        loaded = resident_mib()
        facts = {
            "events": keys,
            "seconds": wall,
            "agent": NAME,
            "cpu_seconds": cpu,
            "empty_mib": empty,
            "rss_mib": loaded,
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "parked": table.parked_rows,
            "take_ms": _takes(rng, table, keys, alive),
            "rss_mib_after_takes": resident_mib(),
        }
        table.close()
    os.write(1, json.dumps(facts).encode())


def _log(rng: np.random.Generator, keys: int, alive: int) -> Iterator[pl.DataFrame]:
    """Rows in the order of their times: a month of quiet keys, then those of the last hour."""
    quiet = keys - alive
    month = np.sort(rng.integers(_QUIET_MS, _QUIET_MS + 30 * 24 * _HOUR_MS, quiet))[::-1]
    ages = np.concatenate((month, np.sort(rng.integers(0, _HOUR_MS, alive))[::-1]))
    for first in range(0, keys, _BATCH):
        numbers = np.arange(first, min(keys, first + _BATCH))
        times = pl.Series((_NOW_MS - ages[numbers]) * 1000).cast(COORDINATES["_timestamp"])
        rows = state_rows(rng, numbers, 0).select(_SCHEMA.names())
        yield rows.with_columns(times.alias("_timestamp"))


def _takes(rng: np.random.Generator, table: KeyedTable, keys: int, alive: int) -> dict[str, float]:
    """Milliseconds of CPU for the keys of one chunk, the median of some."""
    returned = iter(rng.permutation(keys - alive))

    def returning(count: int) -> pl.Series:
        return _names([next(returned) for _ in range(count)])

    def some(count: int) -> pl.Series:
        return _names(rng.choice(np.arange(keys - alive, keys), count, replace=False))

    def unknown(count: int) -> pl.Series:
        return _names(rng.integers(keys, 9 * keys, count)).unique()

    chunk = min(_CHUNK_KEYS, alive // 2)
    few = chunk // 20
    return {
        "alive": _took(table, lambda: some(chunk)),
        "new": _took(table, lambda: unknown(chunk)),
        "alive_and_a_twentieth_returning": _took(
            table, lambda: pl.concat([some(chunk - few), returning(few)])
        ),
        "returning": _took(table, lambda: returning(chunk)),
    }


def _took(table: KeyedTable, wanted: Callable[[], pl.Series]) -> float:
    times = []
    for _ in range(9):
        names = wanted()
        started = process_time()
        table.take(names)
        times.append((process_time() - started) * 1000)
    return round(median(times), 2)


def _names(numbers: Any) -> pl.Series:
    return pl.Series([f"video{number:08d}" for number in numbers])


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
