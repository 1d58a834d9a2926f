"""Ages at which videos add to their channel's history, and the brackets that they begin."""

from __future__ import annotations

import polars as pl

# Lower ends in hours; a bracket ends where the next one starts. In the first a video is judged
# already, and adds nothing yet: feeds and notifications come in waves.
LOWER_ENDS_H = (0, 6, 24, 72, 168, 720)
END_H = 2160  # end of the last bracket: 90 days
_ENDS_H = (*LOWER_ENDS_H[1:], END_H)

_HOUR_US = 3_600_000_000


def age_from_h(age: pl.Expr) -> pl.Expr:
    """The age bracket: its lower end in hours, Int32; null before publication and from `END_H` on.

    Args:
        age: Duration(us) since publication. Brackets are half open: [6 h, 24 h) and so on.
    """
    age_us = age.dt.total_microseconds()
    bracket: pl.Expr = pl.lit(None, pl.Int32)
    for lower, end in reversed(list(zip(LOWER_ENDS_H, _ENDS_H, strict=True))):
        bracket = pl.when(age_us < end * _HOUR_US).then(pl.lit(lower, pl.Int32)).otherwise(bracket)
    return pl.when(age_us >= 0).then(bracket)
