"""Ids of events that stand for rows of files: the same row always gets the same id.

So a file that is ingested twice, or again after a broken run, counts once wherever events are
told apart by id.
"""

from __future__ import annotations

from hashlib import blake2b

import polars as pl


def event_ids(namespace: str, *identity: pl.Series) -> pl.Series:
    """One UUID of version 8 (RFC 9562) per row, hashed from what identifies the row.

    Args:
        namespace: what the rows are, so that different facts about one thing differ.
        identity: columns that name a row in its source; times as they are.

    Returns:
        String, without nulls.
    """
    keys = pl.DataFrame(identity).select(
        pl.concat_str(
            [pl.lit(namespace), *(_key(series) for series in identity)],
            separator="\x1f",
            ignore_nulls=False,
        )
    )
    digests = [
        blake2b((key or "").encode(), digest_size=16).hexdigest() for key in keys.to_series()
    ]
    digest = pl.col("digest")
    parts = (digest.str.slice(at, length) for at, length in ((0, 8), (8, 4), (13, 3), (17, 3)))
    first, second, third, fourth = parts
    return (
        pl.DataFrame({"digest": digests}, schema={"digest": pl.String})
        .select(
            pl.format("{}-{}-8{}-8{}-{}", first, second, third, fourth, digest.str.slice(20, 12))
        )
        .to_series()
    )


def _key(series: pl.Series) -> pl.Expr:
    column = pl.col(series.name)
    return (column.dt.epoch("us") if series.dtype.is_temporal() else column).cast(pl.String)
