"""Growth curves learned from how views grew between one observation and the next.

A curve is a sum of growth over segments of age, each at least 0. An observed growth from one age to
another is the sum of the segments between, the ends in proportion: a linear model with
non-negative coefficients (C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974,
chapter 23). Narrow groups are drawn towards wider ones where they have little to say for
themselves, and all videos towards `GENERAL`, which stands where the log says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import linalg, optimize

from streams.outliers.model.growth import AGES_H, ALL, group_name

Floats = NDArray[np.float64]

LEAST = 200  # increments from which a group has a curve of its own
_MOST = 60_000  # increments of one group that are looked at: evenly chosen
_PULL = 50.0  # what a wider group is worth, in increments
_PASSES = 3  # of reweighting
_CUT = 3.0  # standard deviations from which an increment counts less (Huber)
_NOISE = 1e-3  # variance of log10 views that has nothing to do with age
_BLOCK = 200  # so small that the linear algebra starts no threads
_FAR = 0.1  # log10: a span that tells of how growth differs
_USUAL_TAU2 = 0.12  # variance per unit of log10, where too few spans are known

_AGES_H = np.array(AGES_H)


def _general() -> Floats:
    """Growth per segment that is assumed where nothing is known.

    Views grow like age to the power of 0.8 in the first hours and 0.3 after weeks; that is between
    what daily charts show of the days and weeks that they cover.
    """
    ages = np.maximum(_AGES_H, 0.25)
    middle = np.sqrt(ages[1:] * ages[:-1])
    power = np.interp(np.log10(middle), [np.log10(6), np.log10(168)], [0.8, 0.3])
    return np.asarray(power * np.log10(ages[1:] / ages[:-1]) + 1e-6)


GENERAL = _general()


def learned_curves(growths: pl.DataFrame) -> dict[str, tuple[float, ...]]:
    """Curves of all videos, of formats, and of categories of formats that have enough.

    Args:
        growths: from `increments`.
    """
    general = _segments(growths, GENERAL)
    curves = {ALL: _curve(general)}
    for format, some in _groups(growths, "format"):
        wider = _segments(some, general)
        curves[group_name(format, None)] = _curve(wider)
        for category, fewer in _groups(some, "category"):
            curves[group_name(format, category)] = _curve(_segments(fewer, wider))
    return curves


def learned_tau2(grown: pl.DataFrame, expected: Floats) -> float:
    """Variance of growth about what a curve says, per unit of what it says.

    The few that grew in quite another way are cut at three standard deviations.

    Args:
        grown: from `spans`.
        expected: what the curve of each says.
    """
    far = expected > _FAR  # below, rounding and recounts are all there is
    if far.sum() < LEAST:
        return _USUAL_TAU2
    ratio = (grown["growth"].to_numpy()[far] - expected[far]) ** 2 / expected[far]
    usual = np.median(ratio) / 0.455  # the median of chi-squared with one degree
    return round(float(np.minimum(ratio, 9 * usual).mean()), 6)


def _groups(growths: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), some in (
        growths.drop_nulls(column).sort(column).group_by(column, maintain_order=True)
    ):
        if some.height >= LEAST:
            yield str(name), some


def _segments(growths: pl.DataFrame, wider: Floats) -> Floats:
    """Growth in each segment of age."""
    step = -(-growths.height // _MOST)
    some = growths.gather_every(max(step, 1))
    ages = some["from_h"].to_numpy(), some["to_h"].to_numpy()
    growth = some["growth"].to_numpy()
    found = wider
    for _ in range(_PASSES):
        found = _fitted(*ages, growth, found, wider)
    return found


def _fitted(start: Floats, end: Floats, growth: Floats, last: Floats, wider: Floats) -> Floats:
    """One pass of reweighted least squares, about the fit of the last one."""
    size = len(wider)
    square, product = np.zeros((size, size)), np.zeros(size)
    for at in range(0, len(growth), _BLOCK):
        part = slice(at, at + _BLOCK)
        shares = _shares(start[part], end[part])
        expected = shares @ last
        variance = _NOISE + _USUAL_TAU2 * expected
        off = np.abs(growth[part] - expected) / np.sqrt(variance)
        weight = np.minimum(1.0, _CUT / np.maximum(off, 1e-9)) / variance
        square += shares.T @ (weight[:, None] * shares)
        product += shares.T @ (weight * growth[part])
    # A wider group's segment counts like `_PULL` increments that were all within it.
    pull = _PULL / (_NOISE + _USUAL_TAU2 * wider)
    square[np.diag_indices(size)] += pull
    product += pull * wider
    root = linalg.cholesky(square)
    segments, _ = optimize.nnls(root, linalg.solve_triangular(root, product, trans="T"))
    return np.asarray(segments)


def _shares(start: Floats, end: Floats) -> Floats:
    """(increments, segments) how much of each segment lies between the ages."""
    lower, upper = _AGES_H[:-1], _AGES_H[1:]
    within = np.minimum(end[:, None], upper) - np.maximum(start[:, None], lower)
    return np.asarray(np.clip(within / (upper - lower), 0.0, 1.0))


def _curve(segments: Floats) -> tuple[float, ...]:
    """Log10 of the share at `AGES_H`: what is still to come, negative."""
    to_come = np.append(np.cumsum(segments[::-1])[::-1], 0.0)
    curve = np.minimum(-np.round(to_come, 6), 0.0) + 0.0
    return tuple(float(one) for one in np.maximum.accumulate(curve))
