"""Frames of score rows, made up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import VIRALITY_SCORES


def scores(videos: Sequence[str], *, reasons: Sequence[str] = ("steady",)) -> pl.DataFrame:
    """A row for each video: the n-th has n views, everything else is alike."""
    schema = frame_schema(VIRALITY_SCORES.schema)
    count = len(videos)
    return pl.DataFrame({"video_id": videos}).select(
        "video_id",
        pl.int_range(count).alias("views"),
        pl.lit(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).alias("as_of"),
        pl.lit(list(reasons), pl.List(pl.String)).alias("reasons"),
        *(
            pl.lit(0 if dtype.is_numeric() else b"-").cast(dtype).alias(name)
            for name, dtype in schema.items()
            if name not in ("video_id", "views", "as_of", "since", "reasons")
            and "predicted" not in name
        ),
        pl.lit(None, schema["since"]).alias("since"),
        *(pl.lit(None, pl.Float64).alias(name) for name in schema if "predicted" in name),
    )
