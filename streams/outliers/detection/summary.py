"""What is usual for a channel at some ages, for people: made of a row when it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_BASELINES
from streams.outliers.detection.arrays import FOREVER, NEVER, Floats, Integers
from streams.outliers.detection.channels import (
    FORMATS,
    Contributions,
    codes_of,
    exploded,
    micros,
    series_of,
)
from streams.outliers.detection.history import FEWEST, Asked, History
from streams.outliers.model.growth import Growth
from streams.outliers.model.posterior import quantile

AGES_H = (24, 72, 168, 720)

_DTYPE: Any = frame_schema(OUTLIER_BASELINES.schema)["baselines"]


def with_baselines(rows: pl.DataFrame, growth: Growth) -> pl.DataFrame:
    """Rows with `baselines`: what the next video of each format is expected to have.

    Formats with fewer than two videos are left out. Of the format's categories the newest video's
    is taken.
    """
    recent = exploded(rows, "recent").with_columns(
        series_of(pl.col("_channel"), pl.col("format")).alias("_series")
    )
    entries = _entries(recent, exploded(rows, "levels"), len(rows), growth)
    fields = [field.name for field in _DTYPE.inner.fields]
    lists = entries.group_by("_channel", maintain_order=True).agg(
        pl.struct(fields).alias("baselines")
    )
    return (
        rows.with_columns(pl.int_range(pl.len()).alias("_channel"))
        .join(lists, on="_channel", how="left", maintain_order="left")
        .with_columns(pl.col("baselines").fill_null(pl.lit([], _DTYPE)).cast(_DTYPE))
        .drop("_channel")
    )


def _entries(
    recent: pl.DataFrame, levels: pl.DataFrame, channels: int, growth: Growth
) -> pl.DataFrame:
    (codes,) = codes_of([recent["_channel"]], [recent["video_id"]])
    history = History(Contributions(recent, codes), channels, growth)
    series = np.unique(recent["_series"].to_numpy())
    start, end = history.bounds(series)
    ages = np.tile(np.array(AGES_H), len(series))
    every = np.repeat(np.arange(len(series)), len(AGES_H))
    formats = pl.Series(FORMATS, dtype=pl.String)[series % len(FORMATS)]
    group = growth.codes(formats, recent["category"][end - 1])[every]
    share = growth.log_share(group, ages.astype(np.float64))
    nobody = np.full(len(every), -1)
    asked = Asked(
        start[every],
        end[every],
        nobody,
        group,
        share,
        _since(levels, series)[every],
        np.full(len(every), FOREVER),
    )
    expected = history.expected(asked)
    told = np.flatnonzero(expected.n >= FEWEST)
    return pl.DataFrame(
        {
            "_channel": series[every[told]] // len(FORMATS),
            "format": formats[every[told]],
            "age_from_h": pl.Series(ages[told], dtype=pl.Int32),
            "n": pl.Series(expected.n[told], dtype=pl.Int32),
            "median_log10_views": (expected.location + share)[told],
            "mad_log10_views": expected.scale[told] * _third_quartile(expected.df[told]),
            "scale_log10": expected.scale[told],
            "df": expected.df[told],
        }
    )


def _since(levels: pl.DataFrame, series: Integers) -> Integers:
    numbered = levels.select(
        series_of(pl.col("_channel"), pl.col("format")).alias("_series"), "since"
    )
    found = np.full(len(series), NEVER)
    at = np.searchsorted(series, numbered["_series"].to_numpy())
    at = np.minimum(at, len(series) - 1)
    same = series[at] == numbered["_series"].to_numpy() if len(series) else at.astype(np.bool_)
    found[at[same]] = micros(numbered["since"])[same]
    return found


def _third_quartile(df: Floats) -> Floats:
    """Of Student's t: its median absolute deviation."""
    return quantile(0.75, df)
