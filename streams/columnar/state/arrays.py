"""Arrays by slot that grow, and copies of columns that keep nothing else in memory."""

from __future__ import annotations

import io
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Stored = TypeVar("Stored", bound=npt.NDArray[Any])

_GROWTH = 1.25
_SMALLEST = 1 << 10  # slots


def grown(array: Stored, length: int) -> Stored:
    """The array, in place, with at least that length; what is new is zero."""
    if length > len(array):
        # A large array is moved by the kernel, without a second copy in memory.
        array.resize(max(length, _SMALLEST, int(len(array) * _GROWTH)), refcheck=False)
    return array


def gathered(values: pl.Series, places: npt.NDArray[np.int64]) -> pl.Series:
    """The values at those places.

    `Series.gather` goes through the query engine; for few values that costs many times the rest.
    """
    return values[pl.Series(places)]


def detached(values: pl.Series) -> pl.Series:
    """A copy that keeps nothing else in memory.

    Strings and binaries are views into buffers, and what is filtered or gathered from a column
    shares all of its buffers. Types that have offsets in place of views cannot share.
    """
    if values.dtype == pl.Binary:
        return values.cast(pl.List(pl.UInt8)).cast(pl.Binary)
    if values.dtype == pl.String:
        return detached(values.cast(pl.Binary)).cast(pl.String)
    if not values.dtype.is_nested():
        return values.rechunk()
    copy = io.BytesIO()
    values.to_frame().write_ipc_stream(copy, compat_level=pl.CompatLevel.oldest())
    copy.seek(0)
    return pl.read_ipc_stream(copy).to_series().cast(values.dtype)
