"""Outliers: when a video became one, and when a later snapshot took that back.

A detection is known by its `event_id`, which follows from what it was made of: made and sent again
after a crash it is the same row. What takes it back is an event of its own (`retracts`), kept in a
table of its own, so that neither has to wait for the other.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import OUTLIER_DETECTIONS
from schemas.sql import beside

RETRACTED = "retracted"

_COLUMNS = tuple(field["name"] for field in OUTLIER_DETECTIONS.schema["fields"])
_DETECTION = tuple(name for name in _COLUMNS if name not in ("verdict", "retracts", "reason"))
_RETRACTION = (
    "video_id",
    "event_id",
    "retracts",
    "reason",
    "occurred_at",
    "views",
    "expected_views",
    "multiple",
    "tail_probability",
    "source_partition",
    "source_offset",
)


def fold_detections(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Detections with their day (UTC, of the observation), and retractions; each event once.

    Of events with the same video and id the first in the log counts.
    """
    once = events.sort("_offset").unique(
        ["video_id", "event_id"], keep="first", maintain_order=True
    )
    retracted = pl.col("verdict").eq_missing(pl.lit(RETRACTED))
    return {
        "detections": once.filter(~retracted).select(
            *_DETECTION, pl.col("occurred_at").dt.date().alias("day")
        ),
        "retractions": once.filter(retracted).select(_RETRACTION),
    }


OUTLIERS = Projection(
    name="outliers",
    version=2,
    statements=beside(__file__),
    sources=(
        Source(
            OUTLIER_DETECTIONS,
            _COLUMNS,
            fold_detections,
            ("insert_detections", "insert_retractions"),
            tables={"detections": "outlier_detections", "retractions": "outlier_retractions"},
        ),
    ),
)
