"""What is usual among channels: the prior of a channel's level and spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streams.outliers.model.errors import GrowthError

Floats = NDArray[np.float64]

# Levels (log10 of a usual video's 90-day views) at which the spread is known; straight lines
# between, and the outermost ones beyond.
LEVELS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)

MOST_MEAN = 20.0  # log10: nothing has 10^20 views
_LEAST, _MOST = 1e-6, 1e6


@dataclass(frozen=True)
class Prior:
    """Normal-inverse-gamma prior of log10(90-day views + 1) within a channel.

    Attributes:
        mean: mean of channels' levels.
        strength: what the mean is worth, in videos.
        df: what the variance is worth, in videos.
        variance: usual variance within a channel whose level is one of `LEVELS`.
    """

    mean: float
    strength: float
    df: float
    variance: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = (self.mean, self.strength, self.df, *self.variance)
        if not all(math.isfinite(number) for number in numbers):
            raise GrowthError("a prior has a number that is not finite")
        if not (self.strength > 0 and self.df > 0 and min(self.variance, default=0) > 0):
            raise GrowthError("strength, df and variances of a prior have to be above 0")
        # With these, what is expected and its tails stay finite whatever the views are.
        if abs(self.mean) > MOST_MEAN:
            raise GrowthError(f"the mean of a prior has to be within +-{MOST_MEAN:g} (log10 views)")
        for name, values in (
            ("strength", (self.strength,)),
            ("df", (self.df,)),
            ("variances", self.variance),
        ):
            if min(values) < _LEAST or max(values) > _MOST:
                raise GrowthError(f"{name} of a prior have to be from {_LEAST:g} to {_MOST:g}")
        if len(self.variance) != len(LEVELS):
            raise GrowthError(f"a prior has a variance for each of the levels {LEVELS}")

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Of `as_json`."""
        return cls(
            mean=float(content["mean"]),
            strength=float(content["strength"]),
            df=float(content["df"]),
            variance=tuple(float(one) for one in content["variance"]),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "variance": list(self.variance)}


def variance_at(table: Floats, level: Floats) -> Floats:
    """The usual variance at each level.

    Args:
        table: (rows, len(LEVELS)) variances of each row's prior.
        level: (rows,) finite.
    """
    spot = np.clip(level, LEVELS[0], LEVELS[-1]) - LEVELS[0]  # levels are one apart
    below = np.minimum(spot.astype(np.int64), len(LEVELS) - 2)
    row = np.arange(len(level))
    start, end = table[row, below], table[row, below + 1]
    variance: Floats = start + (end - start) * (spot - below)
    return variance
