"""The curves that ship: learned from daily charts, and from videos followed after their chart days.

Charts show a video only while it does well, so its growth from day to day on them is more than
usual. From an age of `CHARTED_H` on only videos that were followed whatever became of them are
learned from. Nor do charts say how a channel's videos differ, for those that did badly are not on
them: the priors are a choice, wide enough for whole upload lists and worth little against a
channel's own videos.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl

from streams.outliers.model import curves, spread
from streams.outliers.model.growth import ALL, Growth
from streams.outliers.model.learning import with_tau2
from streams.outliers.model.observations import increments, observations, spans
from streams.outliers.model.priors import LEVELS, Prior

FILES = (
    "trending_videos.parquet",
    "trending_snapshots.parquet",
    "trending_daily_panel_2025.parquet",
)
CHARTED_H = 24.0
CAPTURED = dt.timedelta(hours=11, minutes=21)  # UTC; when the charts' days were usually captured

# Standard deviation 0.32 of log10 views within a channel, 1 between channels; worth four videos.
PRIOR = Prior(mean=4.0, strength=0.1, df=4.0, variance=(0.1,) * len(LEVELS))


def default_growth(folder: Path) -> Growth:
    """Learn what ships; the same files give the same content.

    Args:
        folder: has `FILES`.
    """
    listed, to_the_end = charted(folder), followed(folder)
    lengths = to_the_end.select("video_id", "duration_s").drop_nulls().unique("video_id")
    # Forgetting is learned from channels' charted videos, whose length is mostly unknown.
    unknown = observations(listed.with_columns(duration_s=pl.lit(None, pl.Int32)))
    listed = observations(listed.join(lengths, on="video_id", how="left"))
    to_the_end = observations(to_the_end)
    growths = pl.concat(
        [increments(listed).filter(pl.col("from_h") < CHARTED_H), increments(to_the_end)]
    )
    start = Growth(curves.learned_curves(growths), {ALL: PRIOR}, tau2=0.0, forgetting=1.0)
    early = spans(listed).filter(pl.col("from_h") < CHARTED_H)
    start = with_tau2(start, pl.concat([early, spans(to_the_end)]))
    videos = spread.carried(unknown, start)
    # With priors that suit charted videos, which those that ship need not.
    charts = spread.fitted(
        replace(start, priors=spread.learned_priors(videos)), spread.described(videos, mixed=True)
    )
    return replace(
        start,
        forgetting=charts.forgetting,
        facts={"learned from": list(FILES), "increments": growths.height},
    )


def charted(folder: Path) -> pl.DataFrame:
    """Daily charts as `SNAPSHOT_COLUMNS`, but for the duration, which they do not tell."""
    videos = pl.read_parquet(folder / FILES[0])
    return (
        pl.read_parquet(folder / FILES[1])
        .join(videos, on="video_id")
        .select(
            "video_id",
            "channel_id",
            "published_at",
            pl.col("captured_at").dt.replace_time_zone("UTC").alias("occurred_at"),
            pl.col("category_id").cast(pl.String).alias("category"),
            "views",
        )
    )


def followed(folder: Path) -> pl.DataFrame:
    """Videos that were counted daily after they left the charts too, as `SNAPSHOT_COLUMNS`."""
    videos = pl.read_parquet(folder / FILES[0]).select("video_id", "category_id")
    captured = pl.col("date").cast(pl.Datetime("us")) + CAPTURED
    return (
        pl.read_parquet(folder / FILES[2])
        .join(videos, on="video_id", how="left")
        .select(
            "video_id",
            "channel_id",
            pl.col("published_at").str.to_datetime(time_unit="us", time_zone="UTC"),
            captured.dt.replace_time_zone("UTC").alias("occurred_at"),
            pl.col("category_id").cast(pl.String).alias("category"),
            "views",
            pl.col("duration_s").cast(pl.Int32),
        )
    )
