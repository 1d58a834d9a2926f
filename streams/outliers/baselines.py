"""What is usual per (channel, format, age bucket), before each judged snapshot and after all."""

from __future__ import annotations

import numpy as np
import polars as pl

from streams.outliers.windows import SIZE, Usual, usual_before

_SERIES = ("_channel", "format", "age_from_h")


def compare(firsts: pl.DataFrame, channels: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Set every judged snapshot against the videos before it, and move the baselines on.

    Args:
        firsts: snapshots to judge in the order of the log: `_channel`, format, age_from_h and
            x = log10(views + 1), and whatever else they have.
        channels: `_channel` and `baselines`, the list of Baseline, of at least their channels.

    Returns:
        The firsts with baseline_n Int32, baseline_median_log10 and baseline_mad_log10 (Float64,
        NaN where n is 0), in any order; and `_channel` and `baselines` of their channels as they
        are after, entries ordered by format and age.
    """
    touched = firsts.select(_SERIES).unique().with_row_index("_series")
    firsts = firsts.join(touched, on=_SERIES, how="left", maintain_order="left")
    old = (
        channels.join(touched, on="_channel", how="semi")
        .select("_channel", "baselines")
        .filter(pl.col("baselines").list.len() > 0)
        .explode("baselines")
        .unnest("baselines")
    )
    history = (
        old.join(touched, on=_SERIES)
        .select("_series", pl.col("recent").alias("x"))
        .explode("x", empty_as_null=False)
    )
    # History stands before the new ones and the sort is stable: each series is in log order.
    flat = (
        pl.concat([history.with_columns(_first=pl.lit(None, pl.UInt32)), _numbered(firsts)])
        .sort("_series", maintain_order=True)
        .with_row_index("_at")
    )
    series = flat.group_by("_series", maintain_order=True).agg(
        pl.col("_at").first().cast(pl.Int64).alias("_start"),
        pl.len().cast(pl.Int64).alias("_length"),
        pl.col("x").tail(SIZE).alias("recent"),
    )
    values = flat["x"].to_numpy()
    return (
        _with_usual_before(firsts, flat, series, values),
        _moved_on(old, touched, series, values),
    )


def _numbered(firsts: pl.DataFrame) -> pl.DataFrame:
    return firsts.select("_series", "x", pl.int_range(pl.len(), dtype=pl.UInt32).alias("_first"))


def _with_usual_before(
    firsts: pl.DataFrame, flat: pl.DataFrame, series: pl.DataFrame, values: np.ndarray
) -> pl.DataFrame:
    judged = flat.filter(pl.col("_first").is_not_null()).join(
        series.select("_series", "_start"), on="_series", how="left", maintain_order="left"
    )
    usual = usual_before(
        values, judged["_start"].to_numpy(), judged["_at"].cast(pl.Int64).to_numpy()
    )
    return firsts[judged["_first"]].with_columns(
        pl.Series("baseline_n", usual.n, dtype=pl.Int32),
        pl.Series("baseline_median_log10", usual.median),
        pl.Series("baseline_mad_log10", usual.mad),
    )


def _moved_on(
    old: pl.DataFrame, touched: pl.DataFrame, series: pl.DataFrame, values: np.ndarray
) -> pl.DataFrame:
    starts = series["_start"].to_numpy()
    usual: Usual = usual_before(values, starts, starts + series["_length"].to_numpy())
    new = series.select(
        "_series",
        pl.Series("n", usual.n, dtype=pl.Int32),
        pl.Series("median_log10_views", usual.median),
        pl.Series("mad_log10_views", usual.mad),
        "recent",
    ).join(touched, on="_series")
    fields = (
        "format",
        "age_from_h",
        "n",
        "median_log10_views",
        "mad_log10_views",
        "recent",
    )
    untouched = old.join(touched, on=_SERIES, how="anti")
    return (
        pl.concat([untouched.select("_channel", *fields), new.select("_channel", *fields)])
        .sort(_SERIES)
        .group_by("_channel", maintain_order=True)
        .agg(pl.struct(fields).alias("baselines"))
    )
