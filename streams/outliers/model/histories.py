"""Snapshots with what their channel had before them, as the detector sees it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.outliers.model.growth import Growth
from streams.outliers.model.spread import HISTORY, Described

CONTRIBUTE_H = (6.0, 24.0, 72.0, 168.0, 720.0)  # lower ends; one observation of a video in each
_LOOKED_BACK = 96  # contributions, of which the newest of each other video counts
BLOCK = 8_000  # judged ones at a time: what they look back on is 96 times as much


class Histories(NamedTuple):
    """Observations to be judged, by what was known before them.

    Attributes:
        rows: the observations, as `observations` has them.
        videos: their x, earlier ones and groups.
        n: (observations,) other videos in the history.
    """

    rows: pl.DataFrame
    videos: Described
    n: NDArray[np.int64]


def histories(observed: pl.DataFrame, growth: Growth, since: dt.datetime) -> Iterator[Histories]:
    """The first observation of each video in each of `CONTRIBUTE_H`, from a moment on, in blocks.

    Args:
        observed: from `observations`.
        growth: carries the figures to 90 days.
        since: earlier ones are history.
    """
    band = pl.sum_horizontal((pl.col("age_h") >= lower).cast(pl.Int8) for lower in CONTRIBUTE_H)
    rows = (
        observed.with_columns(band.alias("_band"))
        .filter(pl.col("_band") > 0)
        .sort("occurred_at", "video_id")
        .unique(["video_id", "_band"], keep="first", maintain_order=True)
        .sort("channel_id", "format", "occurred_at", "video_id")
    )
    series = rows.select(pl.struct("channel_id", "format").rle_id()).to_series().to_numpy()
    video = rows["video_id"].rank("dense").to_numpy().astype(np.int64)
    place = np.arange(rows.height)
    start = np.searchsorted(series, series)
    superseded = _next_of_same(video, place)
    codes = growth.codes(rows["format"], rows["category"])
    share = growth.log_share(codes, rows["age_h"].to_numpy())
    x = rows["x"].to_numpy() - share
    every = np.flatnonzero((rows["occurred_at"] >= since).to_numpy())
    for first in range(0, len(every), BLOCK):
        judged = every[first : first + BLOCK]
        at = judged[:, None] + np.arange(-_LOOKED_BACK, 0)
        valid = at >= start[judged][:, None]
        at = np.where(valid, at, 0)
        valid &= (video[at] != video[judged][:, None]) & (superseded[at] >= judged[:, None])
        # Of these the newest.
        valid &= np.cumsum(valid[:, ::-1], axis=1)[:, ::-1] <= HISTORY
        far = np.abs(share[at] - share[judged][:, None])
        yield Histories(
            rows[judged], Described(x[judged], x[at], far, valid, codes[judged]), valid.sum(axis=1)
        )


def _next_of_same(video: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the same video comes again; beyond the end where it does not."""
    order = np.lexsort((place, video))
    after = np.full(len(video), len(video))
    same = video[order][1:] == video[order][:-1]
    after[order[:-1][same]] = order[1:][same]
    return after
