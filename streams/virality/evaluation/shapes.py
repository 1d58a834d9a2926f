"""Shapes of bands before they are calibrated: where a band is wider than elsewhere.

A band is [lower - margin unit, upper + margin unit]; calibration finds the margin. Two shapes:

* **spread**: lower and upper are the forecast, the unit is how far forecasts like it were off. It
  is symmetric in log views, and of all shapes tried the narrowest before publication.
* **quantiles**: lower and upper are learnt quantiles, the unit is 1. It may be lopsided, as growth
  is, which hardly ever falls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.virality.evaluation.chart_rows import Rows
from streams.virality.evaluation.recency import recency
from streams.virality.features import Feature, matrix
from streams.virality.models.bands import COVERAGE
from streams.virality.models.boosting import Member, grow

Floats = npt.NDArray[np.float64]

_LEAST_SPREAD = 0.02  # log10: the log of a residual of nothing would have no end
# Trees differ less than the truth does: with this power coverage is even over all spreads.
_POWER = 1.2
_BLOCK = 2_000  # rows in the order of time that are left out together

_RESIDUAL = Member("regression", 250, {"learning_rate": 0.06})
_SPREAD = Member("regression", 150, {"learning_rate": 0.06, "min_data_in_leaf": 100})


@dataclass(frozen=True)
class Shape:
    """One row per forecast, in the unit of the outcome."""

    lower: Floats
    upper: Floats
    unit: Floats


# Gives the shape of rows with these forecasts.
Shaper = Callable[[Rows, Floats], Shape]


def spread(train: Rows, features: Sequence[Feature]) -> Shaper:
    """Learn how far forecasts are off, from forecasts of rows that were left out.

    Args:
        train: what may be learnt from, in the order of time.
        features: what the trees look at.
    """
    seen, weight = matrix(train.features, features), recency(train.asked)
    block = (
        np.arange(train.height) // _BLOCK % 2
        if train.height > 2 * _BLOCK
        else (np.arange(train.height) % 2)
    )
    off = np.empty(train.height)
    for left_out in (block == 0, block == 1):
        others = ~left_out
        point = grow(
            seen[others], train.outcome[others], features, [_RESIDUAL], weight=weight[others]
        )
        off[left_out] = np.abs(train.outcome[left_out] - point.predict(seen[left_out]))
    scale = grow(seen, np.log(off + _LEAST_SPREAD), features, [_SPREAD], weight=weight)

    def shape(rows: Rows, median: Floats) -> Shape:
        logs = scale.predict(matrix(rows.features, features))
        return Shape(median, median, np.exp(_POWER * logs))

    return shape


def quantiles(train: Rows, features: Sequence[Feature]) -> Shaper:
    """Learn the two quantiles between which the wanted share lies.

    Args:
        train: what may be learnt from.
        features: what the trees look at.
    """
    seen, weight = matrix(train.features, features), recency(train.asked)
    lower, upper = (
        grow(
            seen,
            train.outcome,
            features,
            [Member("quantile", 250, {"learning_rate": 0.06, "alpha": share})],
            weight=weight,
        )
        for share in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2)
    )

    def shape(rows: Rows, median: Floats) -> Shape:
        asked = matrix(rows.features, features)
        return Shape(lower.predict(asked), upper.predict(asked), np.ones(median.size))

    return shape
