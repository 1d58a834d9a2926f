"""Detections and scores as frames."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from schemas.avro_types import frame_schema
from streams.generation.policy.sources import DETECTIONS, SCORES, Source
from tests.unit.generation.requests import NOW


def a_detection(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "d-1",
        "occurred_at": NOW,
        "video_id": "-vid_1",
        "channel_id": "c-1",
        "title": "My   best\nday",
        "format": "long",
        "published_at": NOW - dt.timedelta(hours=30),
        "age_s": 30 * 3600,
        "age_from_h": 24,
        "views": 9_000,
        "expected_views": 1_000.0,
        "multiple": 7.25,
        "z": 4.0,
        "tail_probability": 0.001,
        "too_recent": False,
        "insufficient_history": False,
        "baseline_n": 20,
        "baseline_median_log10": 3.0,
        "baseline_mad_log10": 0.2,
        "source_partition": 0,
        "source_offset": 1,
        "verdict": "outlier",
        **changes,
    }


def a_score(**changes: Any) -> dict[str, Any]:
    schema = frame_schema(SCORES.topic.schema)
    nothing = {name: 0 if dtype.is_numeric() else None for name, dtype in schema.items()}
    return {
        **nothing,
        "video_id": "v-1",
        "channel_id": "c-1",
        "as_of": NOW,
        "viewers": b"",
        "model_version": "transparent-1",
        "reasons": [],
        "score": 91.0,
        "velocity": 1_200.0,
        **changes,
    }


def frame(source: Source, *events: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(events), schema=frame_schema(source.topic.schema))


def detections(*events: dict[str, Any]) -> pl.DataFrame:
    return frame(DETECTIONS, *events)


def scores(*events: dict[str, Any]) -> pl.DataFrame:
    return frame(SCORES, *events)
