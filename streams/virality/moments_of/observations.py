"""Which observations of a video are kept: a handful that says how its views grew.

An observation is kept iff it is the first, one of the newest six, or the nearest to one of the
reference ages (of equally near ones the earlier). Each of these is a minimum or maximum over all
observations, so what is kept does not depend on their order, and thinning what was thinned before
together with what came since keeps the same as thinning everything at once.
"""

from __future__ import annotations

import polars as pl

NEWEST = 6
REFERENCE_AGES_H = (1, 3, 6, 12, 24, 48, 72, 168, 336)

_HOUR_US = 3_600_000_000


def thinned(observations: pl.DataFrame, by: str = "video_id") -> pl.DataFrame:
    """The observations that are kept, at most `moments.HISTORY_OBSERVATIONS` of each video.

    Args:
        observations: `by`, `at` Datetime(us), `published_at` Datetime(us), `views` and any others.
            Of several of one video at one instant the one with the most views counts, then by the
            other counts (recounts of one instant have no order).
        by: the column that tells videos (or moments of videos) apart.

    Returns:
        The rows that are kept, ordered by (`by`, `at`).
    """
    counts = [name for name in ("views", "likes", "comments") if name in observations.columns]
    ordered = observations.sort(by, "at", *counts, nulls_last=False).unique(
        [by, "at"], keep="last", maintain_order=True
    )
    age = (pl.col("at") - pl.col("published_at")).dt.total_microseconds()
    place = pl.int_range(pl.len())
    kept = (place == 0) | (place + NEWEST >= pl.len())  # a length is unsigned: less six wraps
    for hours in REFERENCE_AGES_H:
        kept |= place == (age - hours * _HOUR_US).abs().arg_min()
    return ordered.filter(kept.over(by))
