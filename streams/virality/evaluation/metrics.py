"""Figures that say how good predictions are."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]


def mrse(predicted: Floats, actual: Floats) -> float:
    """Mean relative squared error, mean((predicted / actual - 1)^2).

    Args:
        predicted: one per video.
        actual: above zero, one per video.

    Source:
        Pinto, Almeida, Goncalves: Using early view patterns to predict the popularity of YouTube
        videos, WSDM 2013.
    """
    return float(np.mean(_relative_squares(predicted, actual)))


def mrse_standard_error(predicted: Floats, actual: Floats) -> float:
    """Standard error of `mrse` over videos; NaN of fewer than two."""
    if len(actual) < 2:
        return math.nan
    return float(_relative_squares(predicted, actual).std(ddof=1) / math.sqrt(len(actual)))


def percentile_error(predicted: Floats, actual: Floats) -> float:
    """Mean absolute difference of a video's predicted percentile from its actual one, 0 to 1.

    The percentile of a video is that of its rank among all videos given, (rank - 1/2) / n, equal
    values sharing their mean rank; predictions are ranked among themselves. So only their order
    matters.

    Source:
        Rizoiu and others: Expecting to be HIP, WWW 2017.
    """
    return float(np.mean(np.abs(_percentile(predicted) - _percentile(actual))))


def _relative_squares(predicted: Floats, actual: Floats) -> Floats:
    found: Floats = (predicted / actual - 1) ** 2
    return found


def _percentile(values: Floats) -> Floats:
    found: Floats = (rankdata(values) - 0.5) / len(values)
    return found
