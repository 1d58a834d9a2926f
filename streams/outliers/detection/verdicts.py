"""When a video is an outlier, and when it is one no more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streams.outliers.detection.arrays import Booleans, Floats, Integers
from streams.outliers.detection.history import FEWEST, Expected
from streams.outliers.detection.memory import DOUBTFUL, NOTHING, OUTLIER, USUAL
from streams.outliers.model.posterior import upper_tail

ENOUGH = 5  # other videos from which on history is sufficient
LEAVES = 5.0  # times the probability that makes an outlier: beyond, it is one no more

_LEAST_T = 1.0  # scales; below, a tail is not looked up: it is above 0.15 whatever the degrees


@dataclass(frozen=True)
class Rule:
    """What makes an outlier.

    Attributes:
        multiple: least (views + 1) / (expected views + 1), above 1.
        probability: greatest probability that a usual video has as many views.
    """

    multiple: float
    probability: float

    def __post_init__(self) -> None:
        if not (self.multiple > 1 and 0 < self.probability <= 0.03):
            raise ValueError(
                "an outlier has a multiple above 1 and a probability above 0 and at most 0.03, "
                f"not {self.multiple} and {self.probability}"
            )

    def signals(self, expected: Expected, away: Floats, recent: Booleans) -> Integers:
        """How each video stands at least from its snapshot on; see `Memory.turns`.

        Args:
            expected: what is usual.
            away: log10(views + 1) less the location at that age.
            recent: the video is younger than six hours.
        """
        judged = expected.n >= FEWEST
        z = np.where(judged, away, 0.0) / np.where(judged, expected.scale, 1.0)
        high = judged & (z >= _LEAST_T)
        tail = np.ones(len(z))
        tail[high] = upper_tail(z[high], expected.df[high])
        far = (tail <= self.probability) & (away >= math.log10(self.multiple))
        near = (tail > LEAVES * self.probability) | (away < math.log10((1 + self.multiple) / 2))
        doubtful = recent | (expected.n < ENOUGH)
        signals = np.full(len(z), NOTHING)
        signals[judged & near] = USUAL
        signals[judged & far & doubtful] = DOUBTFUL
        signals[judged & far & ~doubtful] = OUTLIER
        return signals
