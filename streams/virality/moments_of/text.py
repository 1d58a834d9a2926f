"""What is kept of a description: its length and its links, not its words."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_LINK = r"(?i)\b(?:https?://|www\.)\S"


def described(columns: Sequence[str]) -> list[pl.Expr]:
    """`description_length` and `links`, Int64, where there is a `description` to count in.

    Args:
        columns: names of the columns at hand; without `description` nothing is added.
    """
    if "description" not in columns:
        return []
    text = pl.col("description")
    return [
        text.str.len_chars().cast(pl.Int64).alias("description_length"),
        text.str.count_matches(_LINK).cast(pl.Int64).alias("links"),
    ]
