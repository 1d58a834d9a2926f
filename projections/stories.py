"""Life stories as rows: every event once, by its key and its version."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from typing import Any

import polars as pl


def story(told: pl.DataFrame, key: str, *, leave_out: Collection[str] = ()) -> pl.DataFrame:
    """Events as rows of a story.

    Args:
        told: events with `_type`, `version` and the columns of the envelope.
        key: the column that says whose story it is.
        leave_out: fields that the bodies are not to have.

    Returns:
        The key, version, event_id, occurred_at, type (String) and body (String): JSON of the other
        fields that the event has; nulls are left out.
    """
    without = {key, "version", "event_id", "occurred_at", *leave_out}
    bodies = [
        json.dumps(
            {
                name: value
                for name, value in event.items()
                if value is not None and name not in without and not name.startswith("_")
            },
            default=_as_json,
        )
        for event in told.iter_rows(named=True)
    ]
    return told.select(
        key,
        "version",
        "event_id",
        "occurred_at",
        type="_type",
        body=pl.Series(bodies, dtype=pl.String),
    )


def _as_json(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an event")
