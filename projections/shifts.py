"""Baseline shifts: when what is usual for a channel changed, each alarm once."""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import OUTLIER_SHIFTS
from schemas.sql import beside

_COLUMNS = tuple(field["name"] for field in OUTLIER_SHIFTS.schema["fields"])


def fold_shifts(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every alarm once; of events with the same channel and id the first in the log counts."""
    once = events.sort("_offset").unique(
        ["channel_id", "event_id"], keep="first", maintain_order=True
    )
    return {"shifts": once.select(_COLUMNS)}


SHIFTS = Projection(
    name="shifts",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(
            OUTLIER_SHIFTS,
            _COLUMNS,
            fold_shifts,
            ("insert_shifts",),
            tables={"shifts": "outlier_shifts"},
        ),
    ),
)
