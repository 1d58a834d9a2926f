"""Snapshots as the learning sees them: how many views a video had at an age."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from streams.outliers.formats import format_of
from streams.outliers.model.growth import HORIZON_H

SNAPSHOT_COLUMNS = (
    "video_id",
    "channel_id",
    "published_at",
    "occurred_at",
    "duration_s",
    "category",
    "views",
)


def observations(snapshots: pl.DataFrame) -> pl.DataFrame:
    """What can be learned from: views that are known, of an age from 0 to 90 days.

    Args:
        snapshots: `SNAPSHOT_COLUMNS` of `youtube.video-snapshots.v1`, in any order, repeated or
            not.

    Returns:
        video_id, channel_id, format, category (String, null where unknown), published_at and
        occurred_at (Datetime), age_h and x = log10(views + 1) (Float64); one row per video and
        instant, a video's rows together in the order of time, and videos in the order of their id.
    """
    age_h = (pl.col("occurred_at") - pl.col("published_at")).dt.total_microseconds() / 3.6e9
    return (
        snapshots.select(
            "video_id",
            "channel_id",
            format_of(pl.col("duration_s")).alias("format"),
            pl.col("category").cast(pl.String),
            "published_at",
            "occurred_at",
            age_h.alias("age_h"),
            (pl.col("views").cast(pl.Float64) + 1).log10().alias("x"),
        )
        .filter(pl.col("x").is_finite() & (pl.col("age_h") >= 0) & (pl.col("age_h") < HORIZON_H))
        # Of two counts at one instant the higher: which came first cannot be told.
        .sort("video_id", "occurred_at", "x")
        .unique(["video_id", "occurred_at"], keep="last", maintain_order=True)
    )


def increments(observed: pl.DataFrame) -> pl.DataFrame:
    """Growth between one observation of a video and the next.

    Args:
        observed: from `observations`.

    Returns:
        format, category, from_h and to_h (ages), growth (of x); Float64.
    """
    return _growth(observed, lambda column: column.shift())


def spans(observed: pl.DataFrame) -> pl.DataFrame:
    """Growth between the first observation of a video and each later one, as `increments`."""
    return _growth(observed, lambda column: column.first())


def _growth(observed: pl.DataFrame, earlier: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    return (
        observed.select(
            "format",
            "category",
            earlier(pl.col("age_h")).over("video_id").alias("from_h"),
            pl.col("age_h").alias("to_h"),
            earlier(pl.col("x")).over("video_id").alias("_before"),
            "x",
        )
        # A handful of views grows by leaps.
        .filter((pl.col("_before") >= 1) & (pl.col("to_h") > pl.col("from_h")))
        .with_columns((pl.col("x") - pl.col("_before")).alias("growth"))
        .drop("_before", "x")
    )
