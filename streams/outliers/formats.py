"""Formats: Shorts and long videos of one channel live different lives and are kept apart."""

from __future__ import annotations

import polars as pl

LONGEST_SHORT_S = 180  # seconds; the platform's own limit for Shorts since October 2024

SHORT = "short"
LONG = "long"
UNKNOWN = "unknown"


def format_of(duration_s: pl.Expr) -> pl.Expr:
    """The format of a video: String, never null; `unknown` where the duration is null.

    Args:
        duration_s: length in seconds, an integer that may be null.
    """
    return (
        pl.when(duration_s <= LONGEST_SHORT_S)
        .then(pl.lit(SHORT))
        .when(duration_s > LONGEST_SHORT_S)
        .then(pl.lit(LONG))
        .otherwise(pl.lit(UNKNOWN))
    )
