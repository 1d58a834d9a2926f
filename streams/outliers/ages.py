"""Age buckets: a video is compared only with others that were about as old when observed."""

from __future__ import annotations

import polars as pl

# Lower ends in hours; a bucket ends where the next one starts. Narrow where views grow fast.
LOWER_ENDS_H = (0, 6, 24, 48, 72, 168, 336, 720)
END_H = 2160  # end of the last bucket: 90 days
_ENDS_H = (*LOWER_ENDS_H[1:], END_H)

_HOUR_US = 3_600_000_000


def age_from_h(age: pl.Expr) -> pl.Expr:
    """The age bucket: its lower end in hours, Int32; null before publication and from `END_H` on.

    Args:
        age: Duration(us) since publication. Buckets are half open: [6 h, 24 h) and so on.
    """
    age_us = age.dt.total_microseconds()
    bucket: pl.Expr = pl.lit(None, pl.Int32)
    for lower, end in reversed(list(zip(LOWER_ENDS_H, _ENDS_H, strict=True))):
        bucket = pl.when(age_us < end * _HOUR_US).then(pl.lit(lower, pl.Int32)).otherwise(bucket)
    return pl.when(age_us >= 0).then(bucket)
