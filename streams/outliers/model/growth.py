"""How views grow with age, and what is usual where a channel has little history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.outliers.model.errors import GrowthError
from streams.outliers.model.priors import Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ALL = "*"  # the group of everything
HORIZON_H = 2160.0  # 90 days: curves are shares of the views at that age
# Ages at which curves are known, in hours; straight lines between. Near each other where views
# grow fast. Only sums and products are needed to look one up: no logarithm, whose last bit may
# depend on what else is in an array.
AGES_H = (
    *(0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 21.0, 24.0, 30.0, 36.0),
    *(42.0, 48.0, 60.0, 72.0, 96.0, 120.0, 144.0, 168.0, 216.0, 264.0, 336.0, 408.0, 504.0),
    *(600.0, 720.0, 960.0, 1200.0, 1440.0, 1800.0, HORIZON_H),
)
_AGES_H = np.array(AGES_H)
_LEAST_SHARE = -20.0  # log10: nothing has 10^20 views
_MOST_TAU2 = 100.0


@dataclass(frozen=True)
class Growth:
    """Growth curves and priors of groups of videos: `format/category`, `format`, or `*` for all.

    Attributes:
        curves: group -> log10 of the share of the 90-day views that is there at `AGES_H`: at most
            0, never falling, 0 at the end.
        priors: group -> what is usual among channels of that group.
        tau2: variance that is added per unit of log10 that a figure is carried along a curve.
        forgetting: weight of a video against the one after it, above 0 and at most 1.
    """

    curves: Mapping[str, tuple[float, ...]]
    priors: Mapping[str, Prior]
    tau2: float
    forgetting: float
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if ALL not in self.curves or ALL not in self.priors:
            raise GrowthError(f"curves and priors need the group {ALL!r}, that of all videos")
        for group, curve in self.curves.items():
            values = np.array(curve, dtype=np.float64)
            if values.shape != _AGES_H.shape or not np.isfinite(values).all():
                raise GrowthError(f"curve {group!r} needs {len(AGES_H)} finite numbers")
            if values[-1] != 0 or (np.diff(values) < 0).any():
                raise GrowthError(f"curve {group!r} falls, or does not end at 0")
            if values[0] < _LEAST_SHARE:
                raise GrowthError(f"curve {group!r} begins below {_LEAST_SHARE:g}")
        for name in {*self.curves, *self.priors}:
            try:
                name.encode()
            except UnicodeEncodeError:
                raise GrowthError(f"the group {name!r} is no text") from None
        if not (0 <= self.tau2 <= _MOST_TAU2):
            raise GrowthError(f"tau2 has to be from 0 to {_MOST_TAU2:g}, not {self.tau2}")
        if not 0 < self.forgetting <= 1:
            raise GrowthError(f"forgetting has to be in (0, 1], not {self.forgetting}")

    @classmethod
    @cache
    def default(cls) -> Self:
        """What ships: learned from daily charts, see docs/outliers-science.md."""
        text = resources.files("streams.outliers.model").joinpath("default.json").read_text("utf-8")
        return cls.from_json(text)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Of `to_json`.

        Raises:
            GrowthError: it is no such JSON; the message says what is wrong with it.
        """
        try:
            content = json.loads(text)
            if content["ages_h"] != list(AGES_H):
                raise GrowthError("its ages_h are not the ages that this release knows")
            return cls(
                curves={
                    str(name): tuple(float(one) for one in curve)
                    for name, curve in content["curves"].items()
                },
                priors={str(name): Prior.of(one) for name, one in content["priors"].items()},
                tau2=float(content["tau2"]),
                forgetting=float(content["forgetting"]),
                facts=dict(content.get("facts", {})),
            )
        except GrowthError:
            raise
        except KeyError as error:
            raise GrowthError(f"growth curves have no field {error}") from None
        except Exception as error:
            # Numbers too large for a float, lists a thousand deep: whatever somebody wrote there.
            raise GrowthError(f"growth curves cannot be read: {error}") from None

    def to_json(self) -> str:
        """Curves and priors as JSON: equal ones give equal text."""
        return json.dumps({**self._content(), "facts": dict(self.facts)}, sort_keys=True)

    @cached_property
    def version(self) -> str:
        """Follows from the content, facts apart."""
        text = json.dumps(self._content(), sort_keys=True)
        return "growth-" + hashlib.sha256(text.encode()).hexdigest()[:12]

    def codes(self, format: pl.Series, category: pl.Series) -> Integers:
        """Number of the narrowest known group of each video.

        Args:
            format: String: short, long or unknown.
            category: String; null where it is not known.
        """
        known = {name: number for number, name in enumerate(self.groups)}
        whole = known[ALL]
        formats = pl.Series(format, dtype=pl.String)
        found = pl.select(
            pl.coalesce(
                pl.concat_str(formats, pl.lit("/"), pl.Series(category, dtype=pl.String))
                .replace_strict(known, default=None, return_dtype=pl.Int64)
                .alias("code"),
                pl.lit(formats).replace_strict(known, default=whole, return_dtype=pl.Int64),
            )
        )
        return found.to_series().to_numpy()

    def log_share(self, codes: Integers, age_h: Floats) -> Floats:
        """Log10 of the share of its 90-day views that a usual video has at an age.

        Args:
            codes: from `codes`.
            age_h: age in hours, finite; below 0 counts as 0, and beyond 90 days as 90 days.

        Returns:
            float64, at most 0; equal arguments give equal bits whatever else is in the arrays.
        """
        age = np.clip(age_h, 0.0, HORIZON_H)
        above = np.clip(np.searchsorted(_AGES_H, age, side="right"), 1, len(_AGES_H) - 1)
        lower, upper = _AGES_H[above - 1], _AGES_H[above]
        table = self._table
        start, end = table[codes, above - 1], table[codes, above]
        share: Floats = start + (end - start) * ((age - lower) / (upper - lower))
        return share

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups; a code is a position in them."""
        return tuple(sorted({*self.curves, *self.priors}))

    def prior_of(self, group: str) -> Prior:
        """Of a group, or of the next wider one that has one."""
        return next(self.priors[name] for name in _wider(group) if name in self.priors)

    @cached_property
    def _table(self) -> Floats:
        curves = [
            next(self.curves[name] for name in _wider(group) if name in self.curves)
            for group in self.groups
        ]
        return np.array(curves, dtype=np.float64)

    def _content(self) -> dict[str, Any]:
        return {
            "ages_h": list(AGES_H),
            "curves": {name: list(curve) for name, curve in self.curves.items()},
            "priors": {name: prior.as_json() for name, prior in self.priors.items()},
            "tau2": self.tau2,
            "forgetting": self.forgetting,
        }


def group_name(format: str, category: str | None) -> str:
    """The group of videos of a format and category."""
    return format if category is None else f"{format}/{category}"


def _wider(group: str) -> tuple[str, ...]:
    """A group and those that hold it, the narrowest first."""
    return (group, group.split("/", 1)[0], ALL)
