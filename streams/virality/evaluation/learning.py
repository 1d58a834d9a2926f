"""How the evaluated models learn: recent rows weigh more, bands are calibrated on the newest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.evaluation.chart_rows import Rows
from streams.virality.evaluation.recency import recency
from streams.virality.evaluation.shapes import Shape, Shaper
from streams.virality.features import Feature, Numbers, matrix
from streams.virality.models.bands import Adaptive, Bands, ordered
from streams.virality.models.boosting import Boosting, Member, grow
from streams.virality.models.groups import groups

Floats = npt.NDArray[np.float64]

CALIBRATION_DAYS = 28
# Rows a group needs for margins of its own: shapes know category and channel already, so coarser
# groups are covered too, and the margins of small ones are mostly noise.
LEAST_ROWS = 1_000

POINT = (
    Member("regression", 400, {"learning_rate": 0.05}),
    Member("regression_l1", 250, {"learning_rate": 0.06}),
)


@dataclass(frozen=True)
class Banded:
    """Predictions with their bands, one per row, in the unit of the outcome.

    Attributes:
        median: the forecast.
        lower: ends of the band that followed the outcomes as they became known; so `upper`.
        lower_still: ends as calibrated, without anything learnt afterwards; so `upper_still`.
        groups: of the rows (models.groups).
    """

    median: Floats
    lower: Floats
    upper: Floats
    lower_still: Floats
    upper_still: Floats
    groups: pl.DataFrame


def pointed(
    train: Rows, features: Sequence[Feature], members: Sequence[Member] = POINT
) -> Boosting:
    """A forecast of the outcome: the mean of trees for the squared and for the absolute error."""
    seen = matrix(train.features, features)
    return grow(seen, train.outcome, features, members, weight=recency(train.asked))


@dataclass(frozen=True)
class Parts:
    """What may be learnt from, whole and as older rows and the newest; and what is forecast."""

    train: Rows
    older: Rows
    newest: Rows
    test: Rows


# Adds columns learnt from the first rows to both.
Enriched = Callable[[Rows, Rows], tuple[Rows, Rows]]


def parted(train: Rows, test: Rows, enriched: Enriched | None = None) -> Parts:
    """Part the newest rows, on which bands are calibrated, from the older ones.

    Args:
        train: what may be learnt from.
        test: what is forecast, in the order of the moments.
        enriched: what is learnt beside the trees: for the calibration from the older rows alone.
    """
    older, newest = _apart(train)
    if enriched is not None:
        older, newest = enriched(older, newest)
        train, test = enriched(train, test)
    return Parts(train, older, newest, test)


def banded(
    parts: Parts,
    features: Sequence[Feature],
    shaped: Callable[[Rows, Sequence[Feature]], Shaper],
) -> Banded:
    """Forecasts, and bands around them.

    The shape of the bands is learnt from all but the newest rows and calibrated on these, around
    forecasts that did not know them; the forecasts themselves then learn from all of `train`.

    Args:
        parts: the rows.
        features: what the trees look at.
        shaped: learns a shape (evaluation.shapes).
    """
    train, older, newest, test = parts.train, parts.older, parts.newest, parts.test
    shape = shaped(older, features)
    early = pointed(older, features).predict(matrix(newest.features, features))
    bands = _calibrated(shape(newest, early), newest)
    median = pointed(train, features).predict(matrix(test.features, features))
    found, of = shape(test, median), groups(Numbers.of_frame(test.features))
    still = _around(found, median, bands.margins(of))
    return Banded(median, *followed(bands, test, median, found, of), *still, of)


def _apart(train: Rows) -> tuple[Rows, Rows]:
    """Older rows and the newest to calibrate on; halves where everything is that new."""
    last = train.asked["known_at"].max()
    assert isinstance(last, dt.datetime)
    newest = pl.col("known_at") > last - dt.timedelta(days=CALIBRATION_DAYS)
    if train.where(~newest).height < train.height / 2:
        newest = pl.int_range(pl.len()) >= pl.len() // 2
    return train.where(~newest), train.where(newest)


def _calibrated(shape: Shape, rows: Rows) -> Bands:
    """Margins in the unit of the shape."""
    return Bands.calibrated(
        shape.lower / shape.unit,
        shape.upper / shape.unit,
        rows.outcome / shape.unit,
        groups(Numbers.of_frame(rows.features)),
        least=LEAST_ROWS,
    )


def _around(shape: Shape, median: Floats, margin: Floats) -> tuple[Floats, Floats]:
    return ordered(shape.lower - margin * shape.unit, median, shape.upper + margin * shape.unit)


def followed(
    bands: Bands, test: Rows, median: Floats, shape: Shape, of: pl.DataFrame
) -> tuple[Floats, Floats]:
    """Bands that learn, day by day, from outcomes observed before the day begins.

    Args:
        bands: margins in the unit of the shape.
        test: rows in the order of their moments.
        median: forecasts of the rows; so `shape`.
        shape: of the bands.
        of: groups of the rows.

    Returns:
        Lower and upper ends.
    """
    adaptive = Adaptive(bands)
    keys = bands.keys(of)
    lower, upper = np.empty(test.height), np.empty(test.height)
    missed = np.zeros(test.height, dtype=np.bool_)
    day = test.asked["at"].dt.truncate("1d")
    # Outcomes in the order in which they became known.
    order = test.asked["known_at"].arg_sort().to_numpy()
    known_at = test.asked["known_at"].gather(order)
    learnt = 0
    for begin in day.unique().sort():
        mature = int(known_at.search_sorted(begin, side="left"))
        outcomes = order[learnt:mature]
        adaptive.learn(keys.gather(outcomes).to_list(), missed[outcomes])
        learnt = mature
        today = day == begin
        rows = today.to_numpy()
        part = Shape(shape.lower[rows], shape.upper[rows], shape.unit[rows])
        margin = bands.margins(of.filter(today), adaptive.missed)
        lower[rows], upper[rows] = _around(part, median[rows], margin)
        missed[rows] = (test.outcome[rows] < lower[rows]) | (test.outcome[rows] > upper[rows])
    return lower, upper
