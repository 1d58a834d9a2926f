"""Views of a month or three from the first days: ours beside what others do with the same days."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.evaluation import metrics
from streams.virality.evaluation.daily_views import DailyViews, read, vocabulary
from streams.virality.evaluation.errors import EvaluationError
from streams.virality.evaluation.log_errors import band_facts
from streams.virality.growth import baselines, late, model
from streams.virality.growth.curves import Curves
from streams.virality.models.bands import COVERAGE

Floats = npt.NDArray[np.float64]

# Days observed, and the day by which views are predicted.
PAIRS = ((1, 30), (3, 30), (7, 30), (7, 90), (14, 90), (30, 90))
LEAST_TRAINING_ROWS = 100

Done = Callable[[int, int], None]


def evaluate(
    train: pl.DataFrame,
    test: pl.DataFrame,
    *,
    pairs: tuple[tuple[int, int], ...] = PAIRS,
    done: Done = lambda done, total: None,
) -> dict[str, Any]:
    """Learn from one table and measure on the other.

    A video of the test table that is also in the training table is taken out of training. Videos
    without views by the predicted day have no relative error; they are counted per pair.

    Args:
        train: see `evaluation.daily_views.read`.
        test: the same columns; `hip_pred` List of numbers is measured too where it is there.
        pairs: days observed and predicted.
        done: told after each part how many of how many are done.

    Returns:
        {"name", "rows": {"train", "test"}, "pairs": [one for each], "percentile", "seconds",
        "processor_seconds"}; see docs/cli.md.

    Raises:
        EvaluationError: a table cannot be used.
    """
    began, worked = time.perf_counter(), time.process_time()
    tested = read(test, "the test file")
    trained = read(train, "the training file").without(
        tested.frame["video_id"], "also in the test file"
    )
    if trained.frame.height < LEAST_TRAINING_ROWS:
        raise EvaluationError(
            f"the training file has {trained.frame.height} rows that can be used, at least "
            f"{LEAST_TRAINING_ROWS} are needed; refused: {trained.refused or 'none'}"
        )
    categories = vocabulary(trained)
    learnt_from, measured_on = trained.curves(categories), tested.curves(categories)
    found = []
    for observed, predicted in pairs:
        found.append(_pair(learnt_from, measured_on, observed, predicted, tested))
        done(len(found), len(pairs) + 1)
    percentile = _percentile(learnt_from, measured_on, tested)
    done(len(pairs) + 1, len(pairs) + 1)
    return {
        "name": "early-popularity",
        "pairs": found,
        "percentile": percentile,
        "rows": {"train": trained.rows(), "test": tested.rows()},
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
    }


def _pair(
    train: Curves, test: Curves, observed: int, predicted: int, tested: DailyViews
) -> dict[str, Any]:
    """Figures of one age and one horizon."""
    train = train.part(train.views_by(predicted) > 0)
    if len(train) < LEAST_TRAINING_ROWS:
        raise EvaluationError(
            f"the training file has {len(train)} videos with views by day {predicted}, at least "
            f"{LEAST_TRAINING_ROWS} are needed"
        )
    seen = test.views_by(predicted) > 0
    category = tested.frame["category"].filter(pl.Series(seen))
    test = test.part(seen)
    facts: dict[str, Any] = {
        "observed_days": observed,
        "predicted_day": predicted,
        "videos": len(test),
        "without_views_by_then": int((~seen).sum()),
    }
    if not len(test):
        return {**facts, "mrse": None, "standard_error": None, "baselines": {}, "band": None}
    actual = test.views_by(predicted)
    forecast = model.fit(train, observed, predicted).predict(test)
    others = {
        "constant_scaling": baselines.constant_scaling(train, test, observed, predicted),
        "multivariate_linear": baselines.multivariate_linear(train, test, observed, predicted),
        "persistence": baselines.persistence(test, observed, predicted),
    }
    return {
        **facts,
        "mrse": metrics.mrse(forecast.views, actual),
        "standard_error": metrics.mrse_standard_error(forecast.views, actual),
        "baselines": {name: metrics.mrse(views, actual) for name, views in others.items()},
        "band": {
            "nominal": COVERAGE,
            **band_facts(
                np.log10(actual),
                _log10(forecast.lower),
                _log10(forecast.upper),
                category.to_frame(),
            ),
        },
    }


def _log10(views: Floats) -> Floats:
    """Of fewer views than one as of one."""
    found: Floats = np.log10(np.maximum(views, 1))
    return found


def _percentile(train: Curves, test: Curves, tested: DailyViews) -> dict[str, Any]:
    """Figures of the rank in the days 91 to 120."""
    actual = late.late_views(test)
    predicted = late.fit(train).predict(test)
    others = {"persistence": late.persistence(test)}
    hip = _hip(tested.frame)
    if hip is not None:
        others["hip"] = hip
    return {
        "days": [late.OBSERVED + 1, late.OBSERVED + late.AHEAD],
        "videos": len(test),
        "error": metrics.percentile_error(predicted, actual),
        "baselines": {
            name: metrics.percentile_error(views, actual) for name, views in others.items()
        },
    }


def _hip(frame: pl.DataFrame) -> Floats | None:
    """Views in the days 91 to 120 as a published model forecasts them, where every row has that."""
    if not isinstance(frame.schema.get("hip_pred"), pl.List):
        return None
    ahead = frame["hip_pred"].cast(pl.List(pl.Float64)).list.slice(late.OBSERVED).list.sum()
    return None if ahead.has_nulls() or ahead.is_nan().any() else ahead.to_numpy()
