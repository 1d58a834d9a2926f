"""Bands that cover what they say, in every group: conformalised quantiles.

Two quantile models say how wide a band should be here rather than there; what was seen after they
were trained says by how much all of them have to be widened (or may be narrowed): the margin, a
quantile of max(lower - y, y - upper) over the calibration rows (Romano, Patterson, Candes:
Conformalized quantile regression, NeurIPS 2019). Margins are taken per group of category and
channel size (Mondrian), and from a coarser group where a group has few rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

COVERAGE = 0.9
# Fewer calibration rows than this say too little of a 90 % quantile: its standard error would be
# above 2 points of coverage.
LEAST_ROWS = 200

# From the finest to the coarsest; the columns of `groups` that tell a group apart.
LEVELS: tuple[tuple[str, ...], ...] = (("category", "size"), ("category",), ("size",), ())


@dataclass(frozen=True)
class Bands:
    """Margins by group.

    Attributes:
        scores: conformity scores of the calibration rows in ascending order, by the group's key.
        coverage: share that is to be covered.
    """

    scores: Mapping[str, Floats]
    coverage: float = COVERAGE

    @classmethod
    def calibrated(
        cls,
        lower: Floats,
        upper: Floats,
        actual: Floats,
        groups: pl.DataFrame,
        coverage: float = COVERAGE,
        least: int = LEAST_ROWS,
    ) -> Bands:
        """Learn margins from rows that the quantile models have not seen.

        Args:
            lower: what the lower quantile model says, in the unit of `actual`; so `upper`.
            actual: what came.
            groups: `category`, `size`, one row each (models.groups).
            coverage: share that is to be covered, within (0, 1).
            least: rows that a group needs for margins of its own.

        Raises:
            ValueError: there are no rows, or not a share.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"a coverage lies between 0 and 1, not {coverage}")
        if not actual.size:
            raise ValueError("there are no rows to calibrate on")
        score = np.maximum(lower - actual, actual - upper)
        scores: dict[str, Floats] = {}
        for level in LEVELS:
            keys = _each(groups, partial(_called, level=level))
            for key in keys.unique().to_list():
                members = score[(keys == key).to_numpy()]
                if members.size >= least or not level:
                    scores[key] = np.sort(members)
        return cls(scores, coverage)

    def margins(self, groups: pl.DataFrame, missed: Mapping[str, float] | None = None) -> Floats:
        """How far a band is widened on both sides, one per row; negative where it is narrowed.

        Args:
            groups: `category`, `size`, one row each.
            missed: share that may be missed by group, where it is not 1 - coverage; see `Adaptive`.
        """
        keys = self.keys(groups)
        margin = {key: self._margin(key, missed) for key in keys.unique().to_list()}
        return keys.replace_strict(margin, return_dtype=pl.Float64).to_numpy()

    def margins_of(self, names: Sequence[tuple[str, str]]) -> Floats:
        """`margins` of groups by their category and size, without a frame."""
        return np.array([self._margin(self._key(*name), None) for name in names], np.float64)

    def keys(self, groups: pl.DataFrame) -> pl.Series:
        """The finest group of each row that has enough calibration rows, String."""
        return _each(groups, self._key)

    def _key(self, category: str, size: str) -> str:
        return next(
            key for level in LEVELS if (key := _called(category, size, level)) in self.scores
        )

    def _margin(self, key: str, missed: Mapping[str, float] | None) -> float:
        return _quantile(self.scores[key], 1 - (missed or {}).get(key, 1 - self.coverage))

    def around(
        self,
        median: Floats,
        lower: Floats,
        upper: Floats,
        groups: pl.DataFrame,
        missed: Mapping[str, float] | None = None,
    ) -> tuple[Floats, Floats]:
        """The band of each row, which always holds its median.

        Args:
            median: the forecast; the band is stretched to it, never the other way round.
            lower: what the lower quantile model says; so `upper`.
            groups: `category`, `size`, one row each.
            missed: see `margins`.

        Returns:
            Lower and upper ends.
        """
        margin = self.margins(groups, missed)
        return ordered(lower - margin, median, upper + margin)

    def to_dict(self) -> dict[str, object]:
        """What JSON can hold; every score is kept, so that levels can move later."""
        return {
            "coverage": self.coverage,
            "scores": {key: scores.tolist() for key, scores in self.scores.items()},
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, object]) -> Bands:
        """Read what `to_dict` gave."""
        scores, coverage = kept["scores"], kept["coverage"]
        assert isinstance(scores, Mapping) and isinstance(coverage, float)
        return cls({key: np.array(values, np.float64) for key, values in scores.items()}, coverage)


class Adaptive:
    """The share that may be missed, moved by what was missed: bands that follow a drift.

    After every outcome a <- a + step (wanted - missed), where missed is 1 or 0: the long-run share
    missed is what was wanted, whatever the drift (Gibbs, Candes: Adaptive conformal inference under
    distribution shift, NeurIPS 2021). Outcomes have to be given in the order in which they became
    known, and a band may only use what was given before it was made. A margin never grows beyond
    the widest that was seen in the calibration: a drift beyond it calls for a new model.
    """

    def __init__(self, bands: Bands, step: float = 0.002) -> None:
        """Start from the calibration.

        Args:
            bands: whose groups are followed.
            step: how fast; 0 leaves the bands as they are.
        """
        self._wanted = 1 - bands.coverage
        self._step = step
        self.missed: dict[str, float] = dict.fromkeys(bands.scores, self._wanted)

    def learn(self, keys: Sequence[str], was_missed: npt.NDArray[np.bool_]) -> None:
        """Take outcomes, in the order in which they became known.

        Args:
            keys: group of each (`Bands.keys`).
            was_missed: whether it lay outside the band that was given for it.
        """
        for key, missed in zip(keys, was_missed.tolist(), strict=True):
            moved = self.missed[key] + self._step * (self._wanted - missed)
            self.missed[key] = min(max(moved, 0.001), 0.5)


def ordered(lower: Floats, median: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Ends of bands that hold their median: stretched to it where they do not."""
    return np.minimum(lower, median), np.maximum(upper, median)


def rising(values: Floats) -> Floats:
    """Values that never fall along the last axis: views at a later age are no fewer.

    Args:
        values: (rows, horizons) with horizons in ascending order; NaN is left and skipped.
    """
    known = np.where(np.isnan(values), -np.inf, values)
    risen = np.maximum.accumulate(known, axis=-1)
    return np.where(np.isnan(values), np.nan, risen)


def _each(groups: pl.DataFrame, called: Callable[[str, str], str]) -> pl.Series:
    """What the group of each row is called, String."""
    names = groups.select("category", "size")
    known = names.unique()
    found = pl.Series("called", [called(*row) for row in known.rows()], pl.String)
    return names.join(
        known.with_columns(found),
        on=["category", "size"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )["called"]


def _called(category: str, size: str, level: tuple[str, ...]) -> str:
    """What a group is called, e.g. "category=10 size=new"; "all" for everything."""
    named = {"category": category, "size": size}
    return " ".join(f"{name}={named[name]}" for name in level) or "all"


def _quantile(scores: Floats, share: float) -> float:
    """The ceil((n + 1) share)-th smallest score, the largest where there are not so many."""
    rank = math.ceil((scores.size + 1) * share)
    return float(scores[min(max(rank, 1), scores.size) - 1])
