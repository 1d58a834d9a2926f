"""State rows laid out as arrays, and put together again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from schemas.avro_types import TIMESTAMP, frame_schema
from schemas.catalogue import OUTLIER_BASELINES
from streams.outliers.detection.arrays import NEVER, Floats, Integers
from streams.outliers.formats import LONG, SHORT, UNKNOWN
from streams.outliers.model.growth import Growth

FORMATS = (SHORT, LONG, UNKNOWN)  # a series is a channel and one of them

_SCHEMA = frame_schema(OUTLIER_BASELINES.schema)
LISTS = {name: _SCHEMA[name] for name in ("recent", "videos", "levels", "days")}

_FORMAT = pl.Enum(FORMATS)


@dataclass(frozen=True)
class Contributions:
    """What videos add to histories, by series and in the order of the log.

    Attributes:
        frame: `_series` Int64 (see `series_of`), video_id, published_at, category, age_s,
            log10_views, and `gone` where the video has left the series instead.
        codes: int64, number of each video within its channel.
    """

    frame: pl.DataFrame
    codes: Integers

    @cached_property
    def series(self) -> Integers:
        """Number of the series of each."""
        return self.frame["_series"].to_numpy()

    @cached_property
    def published(self) -> Integers:
        """Microseconds since 1970."""
        return micros(self.frame["published_at"])

    def carried(self, growth: Growth) -> tuple[Floats, Floats]:
        """log10 of the 90-day views that follow from each, and the share that it was carried by."""
        formats = pl.Series(FORMATS, dtype=pl.String)[self.series % len(FORMATS)]
        groups = growth.codes(formats, self.frame["category"])
        share = growth.log_share(groups, self.frame["age_s"].to_numpy() / 3600)
        return self.frame["log10_views"].to_numpy() - share, share


def exploded(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """The entries of one list of the rows, one a row, with `_channel` Int64."""
    return (
        rows.select(pl.int_range(pl.len()).alias("_channel"), name)
        .filter(pl.col(name).list.len() > 0)
        .explode(name)
        .unnest(name)
    )


def imploded(entries: pl.DataFrame, name: str, count: int) -> pl.Series:
    """The lists of `count` rows.

    Args:
        entries: `_channel`, never falling, and the fields of an entry.
    """
    dtype: Any = LISTS[name]
    fields = [field.name for field in dtype.inner.fields]
    lists = entries.group_by("_channel", maintain_order=True).agg(pl.struct(fields).alias(name))
    every = pl.DataFrame({"_channel": pl.int_range(count, eager=True)})
    joined = every.join(lists, on="_channel", how="left", maintain_order="left")
    return joined[name].fill_null(pl.Series([[]], dtype=dtype)).cast(dtype)


def series_of(channel: pl.Expr, format: pl.Expr) -> pl.Expr:
    """Number of a series: the channel's times three, plus the format's place."""
    place = format.cast(_FORMAT).to_physical().cast(pl.Int64)
    return channel.cast(pl.Int64) * len(FORMATS) + place


def places_of(format: pl.Series) -> Integers:
    """Places of formats in `FORMATS`; -1 for null."""
    return format.cast(_FORMAT).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def named(places: Integers) -> pl.Series:
    """`format` of places; null for -1."""
    return pl.Series("format", [*FORMATS, None], dtype=pl.String)[places]


def codes_of(channels: list[pl.Series], videos: list[pl.Series]) -> list[Integers]:
    """Numbers of the videos of channels: equal where channel and id are, from 0."""
    ids = pl.concat(videos, rechunk=True).cast(pl.Categorical(pl.Categories.random()))
    channel = pl.concat([one.cast(pl.Int64) for one in channels]).to_numpy()
    places = ids.to_physical().to_numpy().astype(np.int64)
    _, codes = np.unique(places * (int(channel.max(initial=0)) + 1) + channel, return_inverse=True)
    cuts = np.cumsum([len(one) for one in videos])[:-1]
    return [part.astype(np.int64) for part in np.split(codes, cuts)]


def micros(times: pl.Series) -> Integers:
    """Microseconds since 1970; `NEVER` for null."""
    return times.dt.epoch("us").fill_null(NEVER).to_numpy()


def instants(values: Integers) -> pl.Series:
    """Of `micros`."""
    series = pl.Series(values, dtype=pl.Int64)
    return series.set(series == NEVER, None).cast(TIMESTAMP)
