"""Exponentially decayed sums, kept with the time at which they stand.

An event of time t counts exp(-(T - t) / tau) at time T. Kept as (sum, T) and moved forward by
whoever reads, a sum needs no clock, and late and out-of-order events no special case.

Source: Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay, ICDE 2009.
"""

from __future__ import annotations

import polars as pl

HOUR = 3600.0

# Time constants in seconds by the suffix of their columns.
TIME_CONSTANTS: dict[str, float] = {
    "1h": HOUR,
    "6h": 6 * HOUR,
    "24h": 24 * HOUR,
    "7d": 7 * 24 * HOUR,
}


def weight(since: pl.Expr, until: pl.Expr, tau: float) -> pl.Expr:
    """exp(-(until - since) / tau), of two Datetime(us) expressions.

    1 where the times are equal; never above 1 when `until` is not before `since`.
    """
    seconds = (until - since).dt.total_microseconds() / 1e6
    return (-seconds / tau).exp()
