"""The model of one stage: log10 views at an age, with a band.

It learns what is beyond the usual growth: before publication log10 views at the age asked for, less
the usual growth from 24 h to it; afterwards log10 of views then against views now, less the usual
growth on the way. Trees are flat beyond the ages that they were grown on, so the usual growth is
what extrapolates, and the band is widened there as it widened within.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.virality.features import FEATURES, Feature, Numbers
from streams.virality.features.growth import usual_growth
from streams.virality.features.horizon import horizon_features
from streams.virality.models.bands import Bands, ordered
from streams.virality.models.groups import grouped
from streams.virality.models.score import Calibration
from streams.virality.models.trees import Trees

Floats = npt.NDArray[np.float64]

# Ages asked for are calibrated apart up to these, and beyond, in hours: what comes within a day and
# a half is another matter than a month.
BUCKETS_H = (36.0, 120.0)

_KNOWN: Mapping[str, Feature] = {feature.name: feature for feature in FEATURES}


class Band(NamedTuple):
    """log10 of 1 + views, one per row: the forecast and the ends of its 90 % band."""

    median: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Widening:
    """How bands widen beyond what was learned from; see `reach_of`.

    Attributes:
        beyond: the reach that few examples exceed.
        per_decade: log10 views that each side of the band gains while the reach grows tenfold.
    """

    beyond: float
    per_decade: float

    def __call__(self, reach: Floats) -> Floats:
        """What is added on either side, one per row."""
        return np.asarray(self.per_decade * np.log10(np.maximum(reach / self.beyond, 1)))


@dataclass(frozen=True)
class StageModel:
    """One stage.

    Attributes:
        point, low, high: forecast, and 5 % and 95 % quantiles, of what is beyond the usual growth.
        bands: what makes the quantiles cover what they say, one per bucket of `BUCKETS_H`.
        widening: beyond the ages that were learned from.
        calibration: of the score.
        ranges: from where to where features were common in training (5 % to 95 %).
    """

    point: Trees
    low: Trees
    high: Trees
    bands: tuple[Bands, ...]
    widening: Widening
    calibration: Calibration = field(default_factory=Calibration)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What the columns are."""
        return tuple(_KNOWN[name] for name in self.point.columns)

    def forecast(self, table: Numbers, horizon_h: Floats) -> Band:
        """Views at the age asked for.

        Args:
            table: features for those ages.
            horizon_h: hours, one per row.
        """
        rows = table.matrix(self.features)
        offset = usual(table, horizon_h)
        raw = Band(*(trees.predict(rows) + offset for trees in (self.point, self.low, self.high)))
        lower, upper = self._covering(raw, table, horizon_h)
        wider = self.widening(reach_of(table, horizon_h))
        floor = floor_of(table)
        return Band(
            *(np.maximum(ends, floor) for ends in (raw.median, lower - wider, upper + wider))
        )

    def members(self, table: Numbers, horizon_h: Floats) -> list[Floats]:
        """What each member of the forecast says, without a floor."""
        offset = usual(table, horizon_h)
        return [part + offset for part in self.point.members(table.matrix(self.features))]

    def contributions(self, table: Numbers, horizon_h: Floats) -> tuple[Floats, Floats]:
        """Exact shares of the features in the forecast, and its base: without floor, the sum.

        Returns:
            (rows, features) and (rows,), log10 views.
        """
        shares = self.point.contributions(table.matrix(self.features))
        return shares[:, :-1], shares[:, -1] + usual(table, horizon_h)

    def _covering(self, raw: Band, table: Numbers, horizon_h: Floats) -> tuple[Floats, Floats]:
        names, place = grouped(table)
        bucket = bucket_of(horizon_h)
        margin = np.array([bands.margins_of(names) for bands in self.bands])[bucket, place]
        return ordered(raw.lower - margin, raw.median, raw.upper + margin)


def bucket_of(horizon_h: Floats) -> npt.NDArray[np.int64]:
    """The bucket of `BUCKETS_H` that an age is in."""
    return np.searchsorted(np.array(BUCKETS_H), horizon_h, side="left")


def usual(table: Numbers, horizon_h: Floats) -> Floats:
    """What the trees do not have to learn, log10 views.

    Before publication the usual growth from 24 h to the age; afterwards the views now and the usual
    growth from now to the age.
    """
    views, age = table["views"], table["age"]
    asked = usual_growth(horizon_h)
    return np.where(np.isnan(views), asked, views + asked - usual_growth(10**age))


def reach_of(table: Numbers, horizon_h: Floats) -> Floats:
    """How far a forecast reaches: the age asked for in hours; once views are known, in ages so far.

    Growth is about a power of age: from 2 days to 20 is as far as from 1 to 10.
    """
    return np.asarray(horizon_h / 10 ** np.nan_to_num(table["age"]))


def floor_of(table: Numbers) -> Floats:
    """Views do not become fewer: log10 of those that there are, 0 before."""
    floor: Floats = np.nan_to_num(table["views"])
    return floor


def asked_at(table: Numbers, horizon_h: Floats) -> Numbers:
    """Features for another age: only those of the age asked for change.

    Args:
        table: for any age.
        horizon_h: hours, one per row.
    """
    observed = {name: table[name] for name in ("age", "velocity", "views", "slope")}
    return table.with_columns(horizon_features(horizon_h, observed))
