"""Outliers: one detection for each video and age bucket.

A bucket is judged once, by its first snapshot. Should an agent have judged again, the verdict on
the earlier snapshot (`source_offset`) is the one that stays.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import OUTLIER_DETECTIONS
from schemas.sql import beside

_COLUMNS = tuple(field["name"] for field in OUTLIER_DETECTIONS.schema["fields"])


def fold_detections(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The earliest verdict of each video and age bucket."""
    ordered = events.sort("video_id", "age_from_h", "source_offset", "source_partition")
    first = ordered.unique(["video_id", "age_from_h"], keep="first", maintain_order=True)
    return {"detections": first.select(_COLUMNS)}


OUTLIERS = Projection(
    name="outliers",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(
            OUTLIER_DETECTIONS,
            _COLUMNS,
            fold_detections,
            ("upsert_detections",),
            tables={"detections": "outlier_detections"},
        ),
    ),
)
