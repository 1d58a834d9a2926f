"""Niches: the newest row of each topic in which several channels have outliers.

The topic is compacted and has one writer: the row that stands last in the log counts.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import OUTLIER_NICHES
from schemas.sql import beside

_COLUMNS = tuple(field["name"] for field in OUTLIER_NICHES.schema["fields"])


def fold_niches(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The last row of each niche."""
    last = events.sort("_offset").unique("niche_id", keep="last", maintain_order=True)
    return {"niches": last.select(*_COLUMNS, pl.col("_offset").alias("log_offset"))}


NICHES = Projection(
    name="niches",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(
            OUTLIER_NICHES,
            _COLUMNS,
            fold_niches,
            ("upsert_niches",),
            deletes=("delete_niches",),
            tables={"niches": "outlier_niches"},
        ),
    ),
)
