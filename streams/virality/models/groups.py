"""Groups of videos that bands are calibrated in: category and size of the channel."""

from __future__ import annotations

import polars as pl

NEW, FEW = "new", "few"
_FEW_VIDEOS = 5
_SMALL, _LARGE = 50_000, 250_000  # usual views of a video at 24 h


def groups(table: pl.DataFrame) -> pl.DataFrame:
    """The group of each row of a feature table.

    Args:
        table: a feature table with `category`, `channel_videos`, `channel_median`.

    Returns:
        `category` String, the code or "unknown"; `size` String: "new" for a channel of which no
        earlier video was observed, "few" for one of fewer than 5, else by its median views at
        24 h "small" (under 50,000), "middle", "large" (from 250,000).
    """
    usual = 10 ** pl.col("channel_median") - 1
    return table.select(
        pl.col("category").cast(pl.Int64).cast(pl.String).fill_null("unknown"),
        size=pl.when(pl.col("channel_videos") == 0)
        .then(pl.lit(NEW))
        .when(pl.col("channel_videos") < _FEW_VIDEOS)
        .then(pl.lit(FEW))
        .when(usual < _SMALL)
        .then(pl.lit("small"))
        .when(usual < _LARGE)
        .then(pl.lit("middle"))
        .otherwise(pl.lit("large")),
    )
