"""Shares of features by paths: those of LightGBM's own walk through the trees."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.virality.models.forecaster import AFTER, BEFORE, Forecaster
from streams.virality.models.shares import Shares

HOUSE = Forecaster.default()


def _grown(seed: int, **options: Any) -> lightgbm.Booster:
    """Trees on two codes and four numbers, with what is unknown among them."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(800, 6)).round(1)
    matrix[:, :2] = random.integers(0, 40, (800, 2))
    if options.pop("unknown", True):
        matrix[random.random(matrix.shape) < 0.15] = np.nan
    known = np.nan_to_num(matrix)
    target = known[:, 2] * known[:, 3] + np.isin(matrix[:, 0], (3, 7, 31)) + known[:, 4]
    data = lightgbm.Dataset(matrix, target, categorical_feature=[0, 1])
    settings = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 3, "seed": seed, **options}
    return lightgbm.train(settings, data, 12)


def _walked(boosters: list[lightgbm.Booster], matrix: np.ndarray) -> np.ndarray:
    walks = [np.asarray(one.predict(matrix, pred_contrib=True)) for one in boosters]
    return np.mean(walks, axis=0)


def _strange(rows: int, columns: int, seed: int) -> np.ndarray:
    """Numbers, zeros, what is unknown, and codes that no tree knows."""
    random = np.random.default_rng(seed)
    kinds = [
        random.normal(0, 2, (rows, columns)),
        random.integers(-3, 120, (rows, columns)).astype(np.float64),
        np.zeros((rows, columns)),
        np.full((rows, columns), np.nan),
        np.full((rows, columns), 1e9),
    ]
    return np.choose(random.choice(5, (rows, columns), p=[0.4, 0.3, 0.1, 0.15, 0.05]), kinds)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"unknown": False},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"num_leaves": 63, "max_cat_threshold": 4},
        {"num_leaves": 2},
        {"max_depth": 1, "extra_trees": True},
    ],
)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_they_are_those_of_a_walk_through_the_trees(options: dict[str, Any], seed: int) -> None:
    boosters = [_grown(seed, **options), _grown(seed + 1, **options)]
    matrix = _strange(30, 6, seed)

    assert np.allclose(Shares(boosters, 6).of(matrix), _walked(boosters, matrix), atol=1e-12)


@pytest.mark.parametrize("stage", [BEFORE, AFTER])
def test_they_are_so_for_the_model_that_ships(stage: str) -> None:
    point = HOUSE._stages[stage].point
    boosters = [lightgbm.Booster(model_str=text) for text in point.texts]
    matrix = _strange(300, len(point.columns), 1)

    found = point.contributions(matrix)

    assert np.allclose(found, _walked(boosters, matrix), rtol=0, atol=1e-12)
    assert np.allclose(found.sum(axis=1), point.predict(matrix), rtol=0, atol=1e-9)


def test_trees_that_ask_nothing_have_only_a_base() -> None:
    flat = lightgbm.train(
        {"verbose": -1, "min_data_in_leaf": 1_000},
        lightgbm.Dataset(np.zeros((20, 3)), np.arange(20.0)),
        2,
    )

    assert (
        Shares([flat], 3).of(np.zeros((2, 3))).tolist()
        == _walked([flat], np.zeros((2, 3))).tolist()
    )


def test_no_rows_have_no_shares() -> None:
    assert Shares([_grown(1)], 6).of(np.zeros((0, 6))).shape == (0, 7)
