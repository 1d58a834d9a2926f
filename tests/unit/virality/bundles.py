"""Small models made for tests: bundles whose forecasts are known."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

import lightgbm
import numpy as np

from streams.virality.features import AFTER, BEFORE, Feature, feature_hash
from streams.virality.models import bundle
from streams.virality.models.bands import Bands
from streams.virality.models.bundle import Bundle, Description
from streams.virality.models.score import Thresholds
from streams.virality.models.stage import BUCKETS_H, StageModel, Widening
from streams.virality.models.trees import Trees


@cache
def constant(columns: tuple[str, ...], value: float) -> str:
    """Trees that say one number of everything."""
    rows = np.zeros((20, len(columns)))
    rows[:, 0] = np.arange(20)
    data = lightgbm.Dataset(rows, np.full(20, value), feature_name=list(columns))
    options = {"num_threads": 1, "verbose": -1, "min_data_in_leaf": 1, "objective": "regression"}
    return str(lightgbm.train(options, data, 1).model_to_string())


def stage(features: tuple[Feature, ...], level: float, spread: float = 0.5) -> StageModel:
    """A stage that forecasts `level` beyond the usual growth, with a band around it."""
    columns = tuple(feature.name for feature in features)
    point, low, high = (
        Trees(columns, [constant(columns, level + shift)]) for shift in (0.0, -spread, spread)
    )
    bands = Bands({"all": np.zeros(10)})
    return StageModel(point, low, high, (bands,) * (len(BUCKETS_H) + 1), Widening(1e9, 0.0))


def made(name: str = "made", *, before: float = 4.0, after: float = 0.0) -> Bundle:
    """A bundle: log10 views at 24 h before publication, growth beyond the usual afterwards."""
    return Bundle(
        Description(
            name=name,
            format=bundle.FORMAT,
            features=feature_hash(),
            trained_until=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        ),
        {"before": stage(BEFORE, before), "after": stage(AFTER, after)},
        Thresholds(5.0),
    )


def saved(folder: Path, name: str = "made", *, before: float = 4.0, after: float = 0.0) -> str:
    """Save such a bundle; its version."""
    folder.mkdir(parents=True)
    return bundle.save(made(name, before=before, after=after), folder)
