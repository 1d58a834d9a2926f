"""Outliers computed again from a whole table of snapshots, in another way than the agent's.

docs/outliers.md is the definition. Nothing here is shared with `streams.outliers`: the memory is a
join of the table with itself, the windows are twenty shifted columns, and the tail of Student's t
is an integral.
"""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl

BREAKS_H = [0, 6, 24, 48, 72, 168, 336, 720, 2160]
MEMORY = dt.timedelta(days=120)
COMPARED = 20
SERIES = ["channel_id", "format", "age_from_h"]
PLACE = ["channel_id", "video_id", "age_from_h"]


def judgements(snapshots: pl.DataFrame) -> pl.DataFrame:
    """Every first snapshot of a video in an age bucket beside the up to 20 before it.

    Args:
        snapshots: fields of VideoSnapshot, and `order` Int64: position in the log. Only the order
            within a channel matters; the orders of a channel differ.

    Returns:
        The snapshots with format, age_s, age_from_h, x, n, median, mad (null where n is 0).
    """
    age_us = pl.col("occurred_at").cast(pl.Int64) - pl.col("published_at").cast(pl.Int64)
    counted = (
        snapshots.sort("order")
        .with_columns(
            pl.col("occurred_at").cum_max().over("channel_id").alias("newest"),
            (pl.col("views") + 1).log10().alias("x"),
            (age_us // 1_000_000).alias("age_s"),
            pl.lit(pl.Series(BREAKS_H) * 3_600_000_000)
            .search_sorted(age_us, side="right")
            .replace_strict(dict(enumerate([None, *BREAKS_H[:-1], None])), return_dtype=pl.Int32)
            .alias("age_from_h"),
            pl.when(pl.col("duration_s").is_null())
            .then(pl.lit("unknown"))
            .otherwise((pl.col("duration_s") > 180).replace_strict({True: "long", False: "short"}))
            .alias("format"),
        )
        .with_columns((pl.col("newest") - MEMORY).alias("oldest"))
        .drop_nulls(["views", "age_from_h"])
        .filter(pl.col("published_at") >= pl.col("oldest"))
    )
    earlier = counted.select(
        *PLACE, pl.col("order").alias("order_e"), pl.col("published_at").alias("published_e")
    )
    again = (
        counted.select(*PLACE, "order", "oldest")
        .join(earlier, on=PLACE)
        .filter(pl.col("order_e") < pl.col("order"), pl.col("published_e") >= pl.col("oldest"))
    )
    firsts = counted.join(again, on=["channel_id", "order"], how="anti").sort("order")
    shifted = [pl.col("x").shift(back).over(SERIES) for back in range(1, COMPARED + 1)]
    middle = pl.element().median()
    return (
        firsts.with_columns(pl.concat_list(shifted).list.drop_nulls().alias("before"))
        .with_columns(
            pl.col("before").list.len().cast(pl.Int32).alias("n"),
            pl.col("before").list.median().alias("median"),
            pl.col("before").list.eval((pl.element() - middle).abs()).list.median().alias("mad"),
        )
        .drop("before", "oldest", "newest")
    )


def detections(snapshots: pl.DataFrame, multiple: float, z: float) -> pl.DataFrame:
    """The outliers among snapshots.

    Args:
        snapshots: as for [`judgements`][tests.acceptance.independent_outliers.judgements].
        multiple: least (views + 1) / (expected_views + 1).
        z: least z where five or more videos came before.

    Returns:
        order, occurred_at, video_id, channel_id, title, format, published_at, age_s, age_from_h,
        views, expected_views, multiple, z, tail_probability, too_recent, insufficient_history, n,
        median, mad; sorted by order and channel.
    """
    sigma = pl.max_horizontal(1.4826 * pl.col("mad"), 0.1)
    scored = (
        judgements(snapshots)
        .filter(pl.col("n") >= 2)
        .with_columns(
            expected_views=pl.lit(10.0).pow(pl.col("median")) - 1,
            z=(pl.col("x") - pl.col("median")) / sigma,
            too_recent=pl.col("age_s") < 6 * 3600,
            insufficient_history=pl.col("n") < 5,
        )
        .with_columns(multiple=(pl.col("views") + 1) / (pl.col("expected_views") + 1))
    )
    enough_history = ~pl.col("insufficient_history")
    found = scored.filter(
        (pl.col("multiple") >= multiple) & ~(enough_history & (pl.col("z") < z))
    ).sort("order", "channel_id")
    tails = [upper_tail(score, n - 1) for score, n in zip(found["z"], found["n"], strict=True)]
    return found.with_columns(pl.Series("tail_probability", tails, dtype=pl.Float64)).select(
        "order",
        "occurred_at",
        "video_id",
        "channel_id",
        "title",
        "format",
        "published_at",
        "age_s",
        "age_from_h",
        "views",
        "expected_views",
        "multiple",
        "z",
        "tail_probability",
        "too_recent",
        "insufficient_history",
        "n",
        "median",
        "mad",
    )


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def upper_tail(t: float, df: int) -> float:
    """P(T > t) of Student's t: with t = sqrt(df) tan(a) the density becomes a power of a cosine."""
    start, end = math.atan(t / math.sqrt(df)), math.pi / 2
    # Measured from the end, so that a far tail is a small interval and not a small difference.
    width = math.atan2(math.sqrt(df), t) if t > 0 else end - start
    below = (1 + _NODES) * width / 2
    area = width / 2 * float(_WEIGHTS @ np.sin(below) ** (df - 1))
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(math.pi)
    return scale * area
