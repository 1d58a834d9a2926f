"""A projection whose topic has had three schemas, and then a successor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from projections.projection import Projection, Source
from schemas.sql import Statements
from schemas.topic import Topic

_TITLE = {"name": "name", "type": "string"}
_RENAMED = {"name": "title", "type": "string", "aliases": ["name"]}
_SECONDS = {"name": "seconds", "type": "int"}
_WIDENED = {"name": "seconds", "type": "long"}
_NEW = {"name": "device", "type": ["null", "string"], "default": None}

FIRST = [_TITLE, _SECONDS]
LATER = [
    [_TITLE, _SECONDS, _NEW],
    [_RENAMED, _SECONDS, _NEW],
    [_RENAMED, _WIDENED, _NEW],
]
# What no reader of the first topic could resolve: seconds have become milliseconds, in a record.
SUCCESSOR = [
    {"name": "title", "type": "string"},
    {"name": "played_ms", "type": "long"},
    {"name": "device", "type": ["null", "string"], "default": None},
]


def topic(name: str, fields: list[dict[str, Any]]) -> Topic:
    """A topic of events with these fields."""
    made = Topic(name, key="play_id", about="Plays.", partitions=2)
    made.__dict__["schema"] = {
        "type": "record",
        "name": "Played",
        "namespace": "groundswell.tests",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "play_id", "type": "string"},
            *fields,
        ],
    }
    return made


def projection(name: str, *topics: Topic) -> Projection:
    """Plays, of the first topic and of its successor where there is one."""
    folds = (_fold_first, _fold_successor)
    return Projection(
        name=name,
        version=1,
        statements=Statements(Path(__file__).with_name("plays.sql")),
        sources=tuple(
            Source(one, None, fold, ("upsert_plays",))
            for one, fold in zip(topics, folds, strict=False)
        ),
    )


def _fold_first(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """As it is written by now; the test's first release knew fewer columns."""
    title = "title" if "title" in events.columns else "name"
    if "device" not in events.columns:
        events = events.with_columns(device=pl.lit(None, pl.String))
    played_ms = pl.col("seconds").cast(pl.Int64) * 1000
    return {
        "plays": events.select(
            "play_id", pl.col(title).alias("title"), "device", played_ms=played_ms
        )
    }


def _fold_successor(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {"plays": events.select("play_id", "title", "played_ms", "device")}
