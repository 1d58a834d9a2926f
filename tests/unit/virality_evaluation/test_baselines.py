"""Baselines, against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from streams.virality.evaluation.metrics import mrse
from streams.virality.growth import baselines, late
from streams.virality.growth.curves import Curves
from tests.unit.virality_evaluation.made_up import curves


def rows(*daily: list[float]) -> Curves:
    return Curves(np.array(daily, np.float64), np.zeros(len(daily), np.int64), ("a",))


def test_constant_scaling_finds_the_number_of_least_relative_error() -> None:
    train = curves(50)
    found = minimize_scalar(
        lambda scale: mrse(scale * train.views_by(7), train.views_by(30)), bounds=(1, 20)
    )

    predicted = baselines.constant_scaling(train, train, 7, 30)

    assert predicted == pytest.approx(found.x * train.views_by(7), rel=1e-4)


def test_constant_scaling_is_exact_where_everything_doubles() -> None:
    train = rows([10, 10], [3, 3])

    predicted = baselines.constant_scaling(train, rows([7, 0]), 1, 2)

    assert predicted == pytest.approx([14])


def test_multivariate_linear_finds_the_weights_that_made_the_views() -> None:
    rng = np.random.default_rng(1)
    seen = rng.uniform(1, 100, (40, 3))
    wanted = np.array([1.5, 2.0, 9.0])
    later = seen @ wanted - seen.sum(axis=1)
    train = rows(*np.column_stack([seen, later]).tolist())

    predicted = baselines.multivariate_linear(train, rows([1, 2, 3, 0]), 3, 4)

    assert predicted == pytest.approx([1.5 + 4 + 27])


def test_multivariate_linear_is_never_worse_than_scaling_on_what_both_learnt_from() -> None:
    train = curves(80)
    actual = train.views_by(90)

    linear = mrse(baselines.multivariate_linear(train, train, 14, 90), actual)

    assert linear <= mrse(baselines.constant_scaling(train, train, 14, 90), actual)


def test_persistence_goes_on_with_the_last_week_or_what_there_is_of_it() -> None:
    # 15 views in the first day, then 7 a day.
    assert baselines.persistence(rows([15] + [7] * 7 + [0] * 4), 8, 12) == pytest.approx(
        [15 + 49 + 4 * 7]
    )
    assert baselines.persistence(rows([4, 2, 0, 0]), 2, 4) == pytest.approx([6 + 2 * 3])


def test_persistence_of_the_late_days_is_thirty_days_like_the_last_seven() -> None:
    daily = [1000.0] * 83 + [1, 2, 3, 4, 5, 6, 7] + [50.0] * 30

    assert late.persistence(rows(daily)) == pytest.approx([28 / 7 * 30])
    assert late.late_views(rows(daily)) == pytest.approx([1500])
    assert late.late_views(rows([*daily[:119], np.nan])) == pytest.approx([1450])
