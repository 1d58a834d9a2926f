"""Views by a later day from the days observed so far, with a band.

The point minimises the mean squared relative error E[(p/a - 1)^2]. With g = a/c, views by the later
day over views so far, that is least squares of g with weight 1/g^2. (Its minimiser is
E[1/a] / E[1/a^2], which lies below the median: one who is only ever wrong by -100 % on one side and
by anything on the other does well to be careful.)

The band comes from quantiles of log((a - c + 1) / (c + 1)), conformalised.

Each part of the examples is predicted by what was fitted on the others. That says how wide bands
have to be, and the forecast for a new video is the mean of these fits (Barber, Candes, Ramdas,
Tibshirani: Predictive inference with the jackknife+, 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.growth import blend
from streams.virality.growth.curves import Curves
from streams.virality.growth.folds import FOLDS, folds
from streams.virality.growth.shape import shape
from streams.virality.models.bands import COVERAGE, Bands
from streams.virality.models.boosting import Boosting, Member, grow

Floats = npt.NDArray[np.float64]

_TREES = {
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "extra_trees": True,
    "lambda_l2": 0.0,
}
RECIPE = blend.Recipe(
    Member("regression", 400, {**_TREES, "learning_rate": 0.02}), width=0.3, ridge=3e-5
)
_ENDS = tuple(
    Member("quantile", 200, {**_TREES, "learning_rate": 0.05, "alpha": alpha})
    for alpha in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2)
)


@dataclass(frozen=True)
class Forecast:
    """Views by a day, and the band that holds them with a probability of `COVERAGE`."""

    views: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class _Fit:
    """What was learnt of all parts but one."""

    growth: blend.Blend
    ends: tuple[Boosting, Boosting]


@dataclass(frozen=True)
class GrowthModel:
    """A fitted model of one age and one horizon.

    Attributes:
        observed: days that are looked at.
        predicted: the day by which views are predicted.
        sizes: views so far that part small videos from middle ones from large ones.
    """

    observed: int
    predicted: int
    fits: tuple[_Fit, ...]
    bands: Bands
    sizes: Floats

    def predict(self, curves: Curves) -> Forecast:
        """Forecast of each video; looks at the first `observed` days alone."""
        matrix, _ = shape(curves.daily[:, : self.observed], curves.category)
        growth = np.mean([fit.growth.predict(matrix) for fit in self.fits], axis=0)
        ends = [
            np.mean([fit.ends[end].predict(matrix) for fit in self.fits], axis=0) for end in (0, 1)
        ]
        so_far = _so_far(curves, self.observed)
        views = so_far * np.maximum(growth, 1)
        lower, upper = self.bands.around(
            _log_growth(views, so_far), ends[0], ends[1], _groups(curves, so_far, self.sizes)
        )
        return Forecast(views, _views(lower, so_far), _views(upper, so_far))


def fit(curves: Curves, observed: int, predicted: int, *, seed: int = 1) -> GrowthModel:
    """Learn from videos of which both days are known.

    Args:
        curves: with at least `predicted` days, and views by then.
        observed: days that are looked at.
        predicted: a later day.
        seed: of parts and samples.

    Raises:
        ValueError: `predicted` is not after `observed`.
    """
    if predicted <= observed:
        raise ValueError(f"day {predicted} does not come after day {observed}")
    matrix, features = shape(curves.daily[:, :observed], curves.category)
    so_far, reached = _so_far(curves, observed), curves.views_by(predicted)
    growth = reached / so_far
    target = _log_growth(reached, so_far)
    part = folds(len(curves), seed)
    fits = []
    ends = np.empty((2, len(curves)))
    for left_out in range(FOLDS):
        rows = part != left_out
        done = _Fit(
            blend.fit(
                matrix[rows],
                growth[rows],
                1 / growth[rows] ** 2,
                features,
                RECIPE,
                categories=len(curves.categories),
                seed=seed + left_out,
            ),
            (
                grow(matrix[rows], target[rows], features, _ENDS[:1], seed=seed + left_out),
                grow(matrix[rows], target[rows], features, _ENDS[1:], seed=seed + left_out),
            ),
        )
        for end in (0, 1):
            ends[end, ~rows] = done.ends[end].predict(matrix[~rows])
        fits.append(done)
    sizes = np.quantile(so_far, (1 / 3, 2 / 3))
    bands = Bands.calibrated(ends[0], ends[1], target, _groups(curves, so_far, sizes))
    return GrowthModel(observed, predicted, tuple(fits), bands, sizes)


def _so_far(curves: Curves, observed: int) -> Floats:
    """Views so far; of a video without any, one: there is nothing else to scale."""
    return np.maximum(curves.views_by(observed), 1)


def _log_growth(views: Floats, so_far: Floats) -> Floats:
    found: Floats = np.log((np.maximum(views - so_far, 0) + 1) / (so_far + 1))
    return found


def _views(log_growth: Floats, so_far: Floats) -> Floats:
    """The inverse of `_log_growth`."""
    found: Floats = so_far + np.maximum(np.exp(log_growth) * (so_far + 1) - 1, 0)
    return found


def _groups(curves: Curves, so_far: Floats, sizes: npt.NDArray[np.float64]) -> pl.DataFrame:
    named = np.array(["small", "middle", "large"])[np.searchsorted(sizes, so_far, side="right")]
    return pl.DataFrame(
        {"category": curves.names(), "size": named.tolist()},
        schema={"category": pl.String(), "size": pl.String()},
    )
