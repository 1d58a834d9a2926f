"""The score: how probable it is that a video ends in the top decile of its channel's history.

1. The threshold is the 90th percentile of the channel's earlier videos, each one's newest views
   brought to the age asked for by the usual growth; with fewer than five of them that of the
   video's category, and of all videos where the category is rare.
2. The forecast's median and 90 % band are read as a distribution of log10 views that is normal on
   either side of the median; its tail above the threshold is the raw probability.
3. The raw probability is calibrated on a later window: isotonic regression (Zadrozny and Elkan,
   KDD 2002) of what came true, over bins of equally many examples, between bins linearly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import isotonic_regression
from scipy.stats import norm

from streams.virality.features.channel import Past
from streams.virality.features.growth import usual_growth
from streams.virality.features.ragged import Ragged
from streams.virality.features.vocabulary import category_code

Floats = npt.NDArray[np.float64]

TOP = 0.9
FEWEST_EARLIER = 5  # videos of the channel; with fewer, a 90th percentile is its best video's
_FEWEST_OF_CATEGORY = 100
_FEWEST_TO_CALIBRATE = 100
_OF_A_BIN = 40
_MOST_BINS = 25
_BAND_Z = float(norm.ppf(0.95))  # half the width of a 90 % band in standard deviations
_NARROWEST = 0.01  # log10


@dataclass(frozen=True)
class Thresholds:
    """90th percentiles of log10 views at 24 h.

    Attributes:
        overall: of all videos.
        categories: by the category's code.
    """

    overall: float
    categories: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, moments: pl.DataFrame, level: Floats) -> Thresholds:
        """What is usual among videos.

        Args:
            moments: `MOMENT`, one per video.
            level: their log10 views at 24 h.
        """
        table = moments.select(code=category_code(pl.col("category"))).with_columns(level=level)
        by_category = (
            table.drop_nulls("code")
            .group_by("code")
            .agg(pl.len(), top=pl.col("level").quantile(TOP, "linear"))
            .filter(pl.col("len") >= _FEWEST_OF_CATEGORY)
            .sort("code")
        )
        return cls(
            overall=float(np.quantile(level, TOP)),
            categories={int(code): top for code, _, top in by_category.rows()},
        )

    def at(self, moments: pl.DataFrame, horizon_h: Floats) -> Floats:
        """log10 views from which a video is in the top decile at that age, one per moment.

        Args:
            moments: `MOMENT`.
            horizon_h: age in hours, one per moment.
        """
        category = moments.select(category_code(pl.col("category"))).to_series()
        return self.of_past(Past.of(Ragged(moments["history"])), category.to_numpy(), horizon_h)

    def of_past(self, past: Past, category: Floats, horizon_h: Floats) -> Floats:
        """The same, by the past and the category's code of each moment."""
        own = past.videos.quantile(past.videos.ordered(past.newest), TOP)
        unknown = past.videos.lengths < FEWEST_EARLIER
        if unknown.any():
            own = np.where(unknown, self._of_category(category), own)
        return np.asarray(own + usual_growth(horizon_h))

    def _of_category(self, code: Floats) -> Floats:
        known, place = np.unique(np.nan_to_num(code, nan=-1).astype(np.int64), return_inverse=True)
        tops = [self.categories.get(one, self.overall) for one in known.tolist()]
        return np.array(tops, np.float64)[place]


@dataclass(frozen=True)
class Calibration:
    """Raw probabilities to frequencies: a line through knots, flat beyond them."""

    raw: tuple[float, ...] = (0.0, 1.0)
    frequency: tuple[float, ...] = (0.0, 1.0)

    @classmethod
    def of(cls, raw: Floats, came_true: Floats) -> Calibration:
        """Fit; with fewer than a hundred examples nothing is changed.

        Args:
            raw: raw probabilities.
            came_true: 1 where the video was in the top decile, else 0.
        """
        if raw.size < _FEWEST_TO_CALIBRATE:
            return cls()
        order = np.argsort(raw, kind="stable")
        bins = np.array_split(order, min(_MOST_BINS, max(2, raw.size // _OF_A_BIN)))
        middle = np.array([raw[part].mean() for part in bins])
        share = np.array([came_true[part].mean() for part in bins])
        weight = np.array([part.size for part in bins], dtype=np.float64)
        risen = isotonic_regression(share, weights=weight).x
        return cls(tuple(middle.tolist()), tuple(risen.tolist()))

    def __call__(self, raw: Floats) -> Floats:
        """Calibrated probabilities."""
        return np.asarray(np.interp(raw, self.raw, self.frequency))

    def as_json(self) -> dict[str, Any]:
        """For a bundle."""
        return {"raw": list(self.raw), "frequency": list(self.frequency)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Calibration:
        """From a bundle."""
        return cls(tuple(found["raw"]), tuple(found["frequency"]))


def tail(threshold: Floats, median: Floats, lower: Floats, upper: Floats) -> Floats:
    """Probability of more than a threshold.

    Args:
        threshold, median, lower, upper: log10 views; the band is the forecast's 90 %.
    """
    above = threshold > median
    width = np.where(above, upper - median, median - lower) / _BAND_Z
    return np.asarray(norm.sf((threshold - median) / np.maximum(width, _NARROWEST)))
