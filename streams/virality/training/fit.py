"""Examples into models: trees, bands, the score's calibration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features import AFTER, BEFORE, Feature, Numbers, feature_numbers
from streams.virality.features.growth import usual_growth
from streams.virality.models.bands import Bands
from streams.virality.models.boosting import Member, grow
from streams.virality.models.groups import groups
from streams.virality.models.score import Thresholds
from streams.virality.models.stage import (
    BUCKETS_H,
    StageModel,
    Widening,
    bucket_of,
    reach_of,
    usual,
)
from streams.virality.models.trees import Trees
from streams.virality.training.examples import Examples, Stage

Floats = npt.NDArray[np.float64]
Said = Callable[[str], None]

# More views so far, at the same share of responses, never mean a lower forecast: views now are in
# the offset, and these features, which grow with them, may not lower it.
RISING = dict.fromkeys(
    (
        "views", "level", "rate_of_life", "growth", "slope", "slope_first", "velocity",
        "acceleration", "over_channel", "over_recent", "at_this_velocity", "at_this_slope",
    ),
    1,
)  # fmt: skip
# It falls when views grow at an unchanged velocity, which happens after a recount.
_NOT_RISING = ("pace",)

CHANGEABLE = ("duration", "hour", "tags", "title_length")  # by the maker of a video

_HUBER = {"alpha": 0.1}  # log10: beyond it errors weigh as in L1
# Exact reasons cost what trees times leaves times depths cost: few trees that learn fast, see
# docs/decisions/0012-models-that-serve.md.
_SIZE = {"num_leaves": 31, "learning_rate": 0.12}
_FEWEST_OF_A_BUCKET = 50
_REACH_BINS = 5


@dataclass(frozen=True)
class Recipe:
    """How models are grown.

    Attributes:
        rounds: trees of each set.
        seed: of the samples of rows and columns.
        left_out: features that are not used.
    """

    rounds: int = 100
    seed: int = 1
    left_out: Collection[str] = ()

    def columns(self, stage: Stage) -> list[Feature]:
        """The features of a stage."""
        declared, never = (BEFORE, ()) if stage == "before" else (AFTER, _NOT_RISING)
        return [one for one in declared if one.name not in (*never, *self.left_out)]

    def points(self, stage: Stage) -> list[Member]:
        """The sets of trees whose mean is the forecast.

        L1 knows no monotone constraints; Huber is the nearest to it that does.
        """
        options = dict(_SIZE)
        return [
            Member("regression_l1", self.rounds, options)
            if stage == "before"
            else Member("huber", self.rounds, {**options, **_HUBER}),
            Member("regression", self.rounds, options),
        ]

    def quantile(self, share: float) -> list[Member]:
        """The trees of one end of the band."""
        return [Member("quantile", self.rounds, {**_SIZE, "alpha": share})]


def fit_stage(
    train: Examples, calibrate: Examples, recipe: Recipe, said: Said = lambda _: None
) -> StageModel:
    """Grow the trees of a stage on one window and calibrate its bands on a later one.

    Args:
        said: told what is being done.
    """
    columns = recipe.columns(train.stage)
    table = table_of(train)
    rows = table.matrix(columns)
    beyond = train.asked["actual"].to_numpy() - usual(table, horizons(train))
    trees = {}
    for part, members, rising in (
        ("point", recipe.points(train.stage), RISING if train.stage == "after" else None),
        ("low", recipe.quantile(0.05), None),
        ("high", recipe.quantile(0.95), None),
    ):
        said(f"{train.stage}: {part}")
        grown = grow(rows, beyond, columns, members, monotone=rising, seed=recipe.seed)
        trees[part] = Trees(grown.features, grown.models)
    raw = StageModel(
        trees["point"],
        trees["low"],
        trees["high"],
        bands=(),
        widening=_widening(train, table),
        ranges=_ranges(table, columns),
    )
    return _calibrated(raw, calibrate)


def table_of(examples: Examples) -> Numbers:
    """Features of examples, each for the age that it asks for."""
    return feature_numbers(examples.moments, horizons(examples))


def horizons(examples: Examples) -> Floats:
    """The ages asked for, hours."""
    return examples.asked["horizon_h"].to_numpy()


def thresholds_of(examples: Examples) -> Thresholds:
    """The 90th percentiles among videos of a window, by what came of each at the latest.

    Args:
        examples: of the stage "before", which has every video with counts.
    """
    places = pl.int_range(examples.height, eager=True)
    last = places.filter(examples.asked["video_id"].is_last_distinct())
    asked = examples.asked[last]
    level = asked["actual"].to_numpy() - usual_growth(asked["horizon_h"].to_numpy())
    return Thresholds.of(examples.moments[last], level)


def _widening(train: Examples, table: Numbers) -> Widening:
    """From the reach that 2.5 % of the examples exceed; as fast as the spread grew within."""
    reach = reach_of(table, horizons(train))
    spread = train.asked["actual"].to_numpy() - usual(table, horizons(train))
    return Widening(float(np.quantile(reach, 0.975)), max(_slope(reach, spread), 0.0))


def _slope(reach: Floats, spread: Floats) -> float:
    """Growth of half the 5-95 % range of a spread per tenfold reach, over bins of reaches."""
    order = np.argsort(reach, kind="stable")
    bins = [part for part in np.array_split(order, _REACH_BINS) if part.size > 1]
    at = np.array([np.log10(np.median(reach[part])) for part in bins])
    half = np.array([np.diff(np.quantile(spread[part], [0.05, 0.95]))[0] / 2 for part in bins])
    if len(bins) < 2 or np.ptp(at) == 0:
        return 0.0
    return float(np.polyfit(at, half, 1)[0])


def _ranges(table: Numbers, columns: list[Feature]) -> Mapping[str, tuple[float, float]]:
    ranges = {}
    for feature in columns:
        known = table[feature.name][~np.isnan(table[feature.name])]
        if feature.name in CHANGEABLE and known.size:
            low, high = np.quantile(known, (0.05, 0.95)).tolist()
            ranges[feature.name] = (low, high)
    return ranges


def _calibrated(raw: StageModel, calibrate: Examples) -> StageModel:
    """The stage with bands that cover, on a later window, what they say."""
    table, asked = table_of(calibrate), horizons(calibrate)
    rows, offset = table.matrix(raw.features), usual(table, asked)
    low, high = (trees.predict(rows) + offset for trees in (raw.low, raw.high))
    actual, known = calibrate.asked["actual"].to_numpy(), groups(table)
    bucket = bucket_of(asked)
    bands = []
    for number in range(len(BUCKETS_H) + 1):
        mine = np.flatnonzero(bucket == number)
        if mine.size < _FEWEST_OF_A_BUCKET:
            mine = np.arange(asked.size)
        bands.append(Bands.calibrated(low[mine], high[mine], actual[mine], known[mine]))
    return StageModel(
        raw.point, raw.low, raw.high, tuple(bands), raw.widening, raw.calibration, raw.ranges
    )
