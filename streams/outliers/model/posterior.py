"""What a channel's next video is expected to have: the posterior predictive, for many at once.

Log views of a channel's videos are normal around its level, whose prior, and that of the variance,
are normal-inverse-gamma (K. P. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution",
2007, section 3). Three things are added: videos count less the longer ago they are (forgetting);
figures count less the farther they were carried along a growth curve, and the range is the wider
the farther they were on average, for a channel as a whole may grow in another way; and residuals
are cut at `CUT` standard deviations, so that earlier hits neither lift the level nor widen the
range (P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
35, 1964).

Every figure of a row follows from that row alone, to the last bit: sums run over the history in a
fixed order, and only operations that IEEE 754 rounds exactly are used (+ - * /, comparisons).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from streams.outliers.model.growth import Growth
from streams.outliers.model.priors import variance_at

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

CUT = 2.5  # standard deviations; beyond, a residual counts as if it were there
# Mean square of a standard normal value that is cut there: sums of squares fall short by it.
_CUT_SQUARE = 0.9775
_STEPS = 2  # of the reweighted mean; it starts at the median
_BLOCK = 512  # rows at a time: their matrices stay in the processor's cache


class Posterior(NamedTuple):
    """Student's t of the judged video's log10(90-day views + 1).

    Attributes:
        n: (judged,) effective number of earlier videos: forgotten and carried ones count less.
        location: (judged,) its centre.
        scale: (judged,) its scale, above 0.
        df: (judged,) its degrees of freedom.
    """

    n: Floats
    location: Floats
    scale: Floats
    df: Floats


def posterior(
    x: Floats, carried: Floats, valid: Booleans, codes: Integers, growth: Growth
) -> Posterior:
    """Posterior predictive of each judged video, given its channel's earlier ones.

    Args:
        x: (judged, history) log10(views + 1) - log_share(age): carried to 90 days; any value where
            not valid. The newest last. Fast where it is the transpose of a contiguous array.
        carried: (judged, history) |log_share(age now) - log_share(age then)|, at least 0.
        valid: (judged, history) whether there is a video.
        codes: (judged,) group of each judged video, from `Growth.codes`.
        growth: whose priors, tau2 and forgetting are used.
    """
    judged = len(x)
    out = Posterior(*(np.empty(judged) for _ in Posterior._fields))
    priors = _PriorTable(growth)
    for start in range(0, judged, _BLOCK):
        part = slice(start, start + _BLOCK)
        found = _block(x[part], carried[part], valid[part], codes[part], priors, growth)
        for whole, some in zip(out, found, strict=True):
            whole[part] = some
    return out


def upper_tail(t: Floats, df: Floats) -> Floats:
    """P(T > t) of Student's t, each value for itself."""
    tail: Floats = special.stdtr(df, -t)
    return tail


def quantile(probability: float, df: Floats) -> Floats:
    """The value of Student's t that is not passed with this probability."""
    value: Floats = special.stdtrit(df, probability)
    return value


class _PriorTable:
    """Priors by code."""

    def __init__(self, growth: Growth) -> None:
        priors = [growth.prior_of(group) for group in growth.groups]
        self.mean = np.array([prior.mean for prior in priors])
        self.strength = np.array([prior.strength for prior in priors])
        self.df = np.array([prior.df for prior in priors])
        self.variance = np.array([prior.variance for prior in priors])


def _block(
    x: Floats,
    carried: Floats,
    valid: Booleans,
    codes: Integers,
    priors: _PriorTable,
    growth: Growth,
) -> Posterior:
    mean, strength, df = priors.mean[codes], priors.strength[codes], priors.df[codes]
    inside = np.ascontiguousarray(valid.T)
    values = np.where(inside, x.T, 0.0)
    location = _median(x, valid, mean)
    usual = variance_at(priors.variance[codes], location)
    weight = _fading(inside, growth.forgetting)
    far = np.where(inside, carried.T, 0.0)
    far *= growth.tau2
    weight *= usual / (usual + far)
    n = _sum(weight)
    variance, around = usual, np.empty_like(values)
    for _ in range(_STEPS):
        within = CUT * np.sqrt(variance)
        residual = _cut(values, location, within, out=around)
        residual *= weight
        # The prior's mean is one more observation, of `strength` videos; it is not cut.
        pull = _sum(residual) + strength * (mean - location)
        location = location + pull / (n + strength)
        residual = _cut(values, location, within, out=around)
        residual *= residual
        residual *= weight
        variance = (df * usual + _sum(residual) / _CUT_SQUARE) / (df + n)
    far *= weight
    carrying = _sum(far) / (n + strength)
    scale = np.sqrt(variance * (1 + 1 / (n + strength)) + carrying)
    return Posterior(n, location, scale, df + n)


def _median(x: Floats, valid: Booleans, otherwise: Floats) -> Floats:
    """Of the valid values of each row; of an even number the lower of the middle two."""
    # Infinity sorts behind every value.
    ordered = np.ascontiguousarray(np.where(valid, x, np.inf))
    ordered.sort(axis=1)
    count = valid.sum(axis=1)
    middle = ordered[np.arange(len(count)), np.maximum(count - 1, 0) // 2]
    return np.where(count > 0, middle, otherwise)


def _fading(inside: Booleans, forgetting: float) -> Floats:
    """Forgetting to the power of how many newer ones there are; 0 where there is none."""
    weight = np.empty(inside.shape)
    now = np.ones(inside.shape[1])
    for one, there in zip(weight[::-1], inside[::-1], strict=True):
        np.multiply(now, there, out=one)
        np.multiply(now, forgetting, out=now, where=there)
    return weight


def _cut(values: Floats, location: Floats, within: Floats, *, out: Floats) -> Floats:
    """Residuals, those beyond put at the limit."""
    np.subtract(values, location, out=out)
    np.maximum(out, -within, out=out)
    return np.minimum(out, within, out=out)


def _sum(rows: Floats) -> Floats:
    """Down the columns, in order: NumPy's own sum orders by the array's shape."""
    total = np.zeros(rows.shape[1])
    for row in rows:
        total += row
    return total
