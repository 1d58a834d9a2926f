"""Views in the thirty days after the ninetieth, for the rank of a video among others.

What counts is the order of videos, so the error that is kept small is that of the logarithm of
their views, around what the last seven days would give if they went on. Every video is looked at
from several earlier days as well, as if each had been the ninetieth: its own later weeks show how
videos go on, and chance weighs less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.virality.growth.curves import Curves
from streams.virality.growth.shape import shape
from streams.virality.models.boosting import Boosting, Member, grow

Floats = npt.NDArray[np.float64]

OBSERVED = 90  # days
AHEAD = 30  # days
_RECENT = 7  # days that go on in the baseline

_ORIGINS = (90, 86, 82, 78, 74, 70, 66, 62)
_EARLIER_WEIGHT = 0.5  # of an example from an earlier day
_TREES = {
    "num_leaves": 31,
    "learning_rate": 0.03,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.5,
    "extra_trees": True,
    "lambda_l2": 0.0,
}
_MEMBERS = (
    Member("regression_l1", 400, _TREES),
    Member("regression", 400, _TREES),
    Member("regression_l1", 400, _TREES),
)


@dataclass(frozen=True)
class LateModel:
    """A fitted model.

    Attributes:
        change: predicts how far the log views of thirty days lie from those of the last seven.
    """

    change: Boosting

    def predict(self, curves: Curves) -> Floats:
        """Log views in the days 91 to 120; looks at the first 90 alone."""
        matrix, _ = shape(curves.daily[:, :OBSERVED], curves.category)
        return self.change.predict(matrix) + _recent(curves, OBSERVED)


def late_views(curves: Curves) -> Floats:
    """Views in the days 91 to 120, or to the last one that a video has."""
    return curves.views_between(OBSERVED + 1, OBSERVED + AHEAD)


def persistence(curves: Curves) -> Floats:
    """Views in the days 91 to 120, were every day as the mean of the seven before them."""
    return curves.views_between(OBSERVED - _RECENT + 1, OBSERVED) * (AHEAD / _RECENT)


def fit(curves: Curves, *, seed: int = 1) -> LateModel:
    """Learn from videos of which 119 days are known.

    Args:
        curves: the videos.
        seed: of every sample.
    """
    seen = [shape(curves.daily[:, :day], curves.category) for day in _ORIGINS]
    features = seen[0][1]
    matrix = np.vstack([found for found, _ in seen])
    target = np.concatenate([_change(curves, day) for day in _ORIGINS])
    each = [1.0 if day == OBSERVED else _EARLIER_WEIGHT for day in _ORIGINS]
    weight = np.repeat(each, len(curves))
    return LateModel(grow(matrix, target, features, _MEMBERS, weight=weight, seed=seed))


def _change(curves: Curves, day: int) -> Floats:
    """Log views in the thirty days after `day`, less the log of the seven days before it."""
    ahead = curves.views_between(day + 1, day + AHEAD)
    found: Floats = np.log(ahead + 1) - _recent(curves, day)
    return found


def _recent(curves: Curves, day: int) -> Floats:
    found: Floats = np.log(curves.views_between(day - _RECENT + 1, day) + 0.5)
    return found
