"""Robust location and scale of the values before a position, for many positions at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SIZE = 20  # videos compared with; more change the verdicts little, see docs/outliers.md


class Usual(NamedTuple):
    """What is usual in each window.

    Attributes:
        n: int64, values in the window, at most `SIZE`.
        median: float64, NaN where n is 0. Of an even number, the mean of the middle two.
        mad: float64, median absolute deviation from the median; NaN where n is 0.
    """

    n: Integers
    median: Floats
    mad: Floats


def usual_before(values: Floats, starts: Integers, ends: Integers) -> Usual:
    """Median and MAD of the up to `SIZE` values in `values[starts[i]:ends[i]]` nearest the end.

    Work and memory are `SIZE` times the number of windows however long a series is.

    Args:
        values: series, one behind the other; finite.
        starts: where the series of each window begins.
        ends: where each window ends (exclusive); at least its start.
    """
    n = np.minimum(ends - starts, SIZE)
    at = ends[:, None] + np.arange(-SIZE, 0)
    inside = at >= starts[:, None]
    # Infinity sorts behind every value, so that row i has its n[i] values first.
    window = np.full(at.shape, np.inf)
    window[inside] = values[at[inside]]
    median = _middle(window, n)
    centre = np.where(n > 0, median, 0.0)
    mad = _middle(np.abs(window - centre[:, None]), n)
    return Usual(n, median, mad)


def _middle(window: Floats, n: Integers) -> Floats:
    ordered = np.sort(window, axis=1)
    row = np.arange(len(n))
    lower = ordered[row, np.maximum(n - 1, 0) // 2]
    upper = ordered[row, np.minimum(n // 2, SIZE - 1)]
    return np.where(n > 0, (lower + upper) / 2, np.nan)
