"""Examples to learn from: moments, the age that is asked for, and what the views were then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from streams.virality.moments_of.as_of import AsOf

Stage = Literal["before", "after"]

YOUNGEST_H = 1.0  # an earlier count says more of when the counter began than of the video
OLDEST_H = 45 * 24.0  # of what is learned from: the longest horizon asked for, and some more
BEFORE_PER_VIDEO = 2
AFTER_PER_VIDEO = 4
SHORTEST_STEP_H = 0.5  # between what is known and what is asked

_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Examples:
    """Examples of one stage.

    Attributes:
        stage: "before" (nothing observed) or "after".
        asked: one row each: `video_id`, `at` (the moment), `horizon_h` Float64 (age at which the
            views are wanted), `known_at` (when they were observed), `actual` Float64 (log10 of
            1 + views then), `now` Float64 (that of the newest views at the moment; null before).
        moments: `MOMENT`, row by row.
    """

    stage: Stage
    asked: pl.DataFrame
    moments: pl.DataFrame

    @property
    def height(self) -> int:
        """How many there are."""
        return self.asked.height

    @property
    def videos(self) -> int:
        """How many videos they are of."""
        return self.asked["video_id"].n_unique()

    def filter(self, kept: pl.Expr) -> Examples:
        """Those whose row of `asked` fits."""
        flags = self.asked.select(kept).to_series()
        return Examples(self.stage, self.asked.filter(flags), self.moments.filter(flags))


def questions(
    videos: pl.DataFrame, observations: pl.DataFrame, stage: Stage, *, most_videos: int, seed: int
) -> pl.DataFrame:
    """What is asked of the videos: some ages of each, chosen by a hash of seed, video and time.

    Before: at the publication, for the age of the first observation and of another. After: at an
    observation, for the age of a later one.

    Args:
        videos: `video_id`, `published_at`.
        observations: `video_id`, `at`, `views`.
        most_videos: so many at most, by their hash.

    Returns:
        As `Examples.asked`.
    """
    aged = _aged(videos, observations, most_videos, seed)
    asked = _before(aged) if stage == "before" else _after(aged, seed)
    return asked.select("video_id", "at", "horizon_h", "known_at", "actual", "now").sort(
        "at", "video_id", "known_at"
    )


def answered(as_of: AsOf, asked: pl.DataFrame, stage: Stage) -> Examples:
    """Questions with their moments.

    Args:
        as_of: of all videos and observations, also those that nothing is asked of.
        asked: from `questions`.
    """
    moments = as_of.moments(asked.select("video_id", "at"))
    if stage == "before":
        # A premiere has counts at the moment of its publication: nothing observed is what is asked.
        moments = moments.with_columns(pl.col("observed").list.head(0))
    return Examples(stage, asked, moments)


def _aged(
    videos: pl.DataFrame, observations: pl.DataFrame, most_videos: int, seed: int
) -> pl.DataFrame:
    """Observations with views of the chosen videos: age in hours, log views, order."""
    counted = observations.filter(pl.col("views") >= 0).select("video_id", "at", "views")
    chosen = (
        videos.select("video_id", "published_at")
        .join(counted.select("video_id").unique(), on="video_id", how="semi")
        .sort(pl.col("video_id").hash(seed), "video_id")
        .head(most_videos)
    )
    return (
        counted.join(chosen, on="video_id")
        .with_columns(
            age_h=(pl.col("at") - pl.col("published_at")).dt.total_microseconds() / _HOUR_US,
            log_views=(pl.col("views") + 1).log10(),
            luck=pl.struct("video_id", "at").hash(seed),
        )
        .filter(pl.col("age_h").is_between(YOUNGEST_H, OLDEST_H))
        .sort("video_id", "at")
    )


def _before(aged: pl.DataFrame) -> pl.DataFrame:
    first = pl.int_range(pl.len()).over("video_id") == 0
    return (
        aged.with_columns(turn=pl.when(first).then(0).otherwise(pl.col("luck")))
        .sort("video_id", "turn")
        .group_by("video_id", maintain_order=True)
        .head(BEFORE_PER_VIDEO)
        .select(
            "video_id",
            pl.col("published_at").alias("at"),
            pl.col("age_h").alias("horizon_h"),
            pl.col("at").alias("known_at"),
            pl.col("log_views").alias("actual"),
            pl.lit(None, pl.Float64).alias("now"),
        )
    )


def _after(aged: pl.DataFrame, seed: int) -> pl.DataFrame:
    left = pl.col("count") - pl.col("place") - 1  # later observations of the same video
    indexed = aged.with_columns(
        count=pl.len().over("video_id"),
        place=pl.int_range(pl.len()).over("video_id"),
        row=pl.int_range(pl.len()),
    )
    known = (
        indexed.filter(left > 0)
        .with_columns(target=pl.col("row") + 1 + (pl.col("luck") % left).cast(pl.Int64))
        .sort("video_id", pl.col("luck").hash(seed + 1))
        .group_by("video_id", maintain_order=True)
        .head(AFTER_PER_VIDEO)
    )
    wanted = indexed[known["target"]]
    return known.select(
        "video_id",
        "at",
        "age_h",
        pl.col("log_views").alias("now"),
        wanted["age_h"].alias("horizon_h"),
        wanted["at"].alias("known_at"),
        wanted["log_views"].alias("actual"),
    ).filter(pl.col("horizon_h") - pl.col("age_h") >= SHORTEST_STEP_H)
