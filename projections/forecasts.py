"""Forecasts: the furthest forecast of each video whose counts are observed.

The topic is compacted. The forecast made at the newest snapshot (`applied_offset`) wins; of one
that was made again, perhaps by another model, the last in the log.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import VIRALITY_FORECASTS
from schemas.sql import beside

_COLUMNS = tuple(field["name"] for field in VIRALITY_FORECASTS.schema["fields"])


def fold_forecasts(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The furthest forecast of each video."""
    ordered = events.sort("video_id", "applied_offset", "_offset").rename({"_offset": "log_offset"})
    newest = ordered.unique("video_id", keep="last", maintain_order=True)
    return {"forecasts": newest.select(*_COLUMNS, "log_offset")}


FORECASTS = Projection(
    name="forecasts",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(
            VIRALITY_FORECASTS,
            _COLUMNS,
            fold_forecasts,
            ("upsert_forecasts",),
            deletes=("delete_forecasts",),
            tables={"forecasts": "virality_forecasts"},
        ),
    ),
)
