"""Score rows a second into PostgreSQL: the projector beside a bare COPY and upsert of the same.

The projector reads the topic, decodes, folds, writes rows, history and checkpoint, and wakes
listeners. The peer has the folded rows in memory as COPY takes them, and writes nothing else. A
rebuild of a longer log is measured beside both, and a bare COPY of what it writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from benchmarks.machine import machine
from benchmarks.measured import measured
from benchmarks.scores import batches, publish
from benchmarks.servers import servers
from infra.settings import Settings
from projections.staging import copied, copy, staged
from projections.store import Store, connected
from projections.virality import VIRALITY

ROWS = 1_000_000
REBUILT_ROWS = 5_000_000
RUNS = 3
_BATCH = 20_000  # rows a transaction: as many as the projector takes at once
_TABLES = ("virality_scores", "virality_history")
[_SOURCE] = VIRALITY.sources


def run(rows: int = ROWS, rebuilt: int = REBUILT_ROWS, runs: int = RUNS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench projections --json` prints."""
    with servers() as settings:
        publish(settings, rows)
        arguments = {"settings": json.loads(settings.model_dump_json(exclude_none=True))}
        jobs: dict[str, Callable[[], float]] = {
            "ours": lambda: measured("benchmarks.projector_worker", {**arguments, "rows": rows}),
            "copy_upsert": lambda: _copy_upsert(settings, rows),
        }
        taken = [_turn(settings, jobs) for _ in range(runs)]
        publish(settings, rebuilt, first=rows)
        jobs = {
            "rebuild": lambda: measured("benchmarks.rebuild_worker", arguments),
            "copy": lambda: rebuilt / _copy_seconds(settings),
        }
        rebuilds = [_turn(settings, jobs) for _ in range(runs)]
    rates = {name: median(turn[name] for turn in taken) for name in taken[0]}
    anew = {name: median(turn[name] for turn in rebuilds) for name in rebuilds[0]}
    ours, rebuild = rates["ours"], anew["rebuild"]
    return {
        "name": "projections",
        "ours": ours,
        "unit": "rows/s",
        "peers": {"copy_upsert": rates["copy_upsert"]},
        "ratios": {"copy_upsert": round(ours / rates["copy_upsert"], 2)},
        "rebuild": {
            "ours": rebuild,
            "peers": {"continuous": ours, "copy": anew["copy"]},
            "ratios": {
                "continuous": round(rebuild / ours, 2),
                "copy": round(rebuild / anew["copy"], 2),
            },
            "events": rebuilt,
        },
        "runs": [*taken, *rebuilds],
        "events": rows,
        "machine": machine(),
    }


def _turn(settings: Settings, jobs: dict[str, Callable[[], float]]) -> dict[str, float]:
    turn = {}
    for name, job in jobs.items():
        if name != "copy":  # which copies what the rebuild has left
            _forget(settings)
        turn[name] = round(job(), 1)
    return turn


def _forget(settings: Settings) -> None:
    """Remove the tables and what is known of them."""
    with psycopg.connect(settings.dsn, autocommit=True) as connection:
        for table in (*_TABLES, "projections", "projection_checkpoints", "projection_status"):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))


def _copy_upsert(settings: Settings, rows: int) -> float:
    """Rows a second of COPY to the staging tables and the projection's upserts, and no more."""
    store = Store(settings.dsn, VIRALITY)
    store.open()  # makes the tables
    store.close()
    seconds = 0.0
    offset = 0
    with connected(settings.dsn, VIRALITY, "public") as connection:
        connection.execute(VIRALITY.statements["staging"])
        for frame in batches(rows):
            for part in frame.iter_slices(_BATCH):
                ready = staged(_SOURCE.fold(_as_read(part, offset)))
                offset += part.height
                started = time.perf_counter()
                with connection.transaction():
                    for one in ready:
                        copy(connection, one)
                    for name in _SOURCE.upserts:
                        connection.execute(VIRALITY.statements[name])
                seconds += time.perf_counter() - started
    return rows / seconds


def _as_read(frame: pl.DataFrame, offset: int) -> pl.DataFrame:
    """As a decoder gives it."""
    assert _SOURCE.columns is not None
    return frame.select(_SOURCE.columns).with_columns(
        pl.lit(0, dtype=pl.Int32).alias("_partition"),
        pl.int_range(offset, offset + frame.height).alias("_offset"),
        pl.col("as_of").alias("_timestamp"),
    )


def _copy_seconds(settings: Settings) -> float:
    """Seconds of a bare COPY of all rows that are in the tables into empty ones like them."""
    seconds = 0.0
    with connected(settings.dsn, VIRALITY, "public") as connection:
        for table in _TABLES:
            name, other = sql.Identifier(table), sql.Identifier(f"{table}_copy")
            query = sql.SQL("SELECT * FROM {}").format(name).as_string(connection)
            frame = pl.read_database(query, connection, infer_schema_length=None)
            connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(other, name)
            )
            for part in frame.iter_slices(250_000):
                ready = copied(part, other)
                started = time.perf_counter()
                copy(connection, ready)
                seconds += time.perf_counter() - started
            connection.execute(sql.SQL("DROP TABLE {}").format(other))
    return seconds
