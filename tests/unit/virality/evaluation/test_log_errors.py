"""Errors and coverage against values worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from streams.virality.evaluation.log_errors import ENOUGH_ROWS, band_facts, log_errors
from streams.virality.evaluation.next_day import growth_errors


def test_errors_by_hand() -> None:
    actual = np.array([1.0, 2.0, 3.0])
    predicted = np.array([1.1, 2.0, 2.0])
    facts = log_errors(predicted, actual)
    assert facts["rows"] == 3
    assert facts["r2_log10"] == pytest.approx(1 - 1.01 / 2)
    assert facts["mae_log10"] == pytest.approx(1.1 / 3)
    assert facts["within_30_percent"] == pytest.approx(2 / 3)  # 10^0.1 = 1.26


def test_the_mean_explains_nothing_and_the_truth_everything() -> None:
    actual = np.random.default_rng(1).normal(5, 1, 100)
    assert log_errors(np.full(100, actual.mean()), actual)["r2_log10"] == pytest.approx(0)
    assert log_errors(actual, actual)["r2_log10"] == 1


def test_where_nothing_differs_nothing_is_explained() -> None:
    assert log_errors(np.ones(3), np.ones(3))["r2_log10"] is None
    assert log_errors(np.ones(0), np.ones(0))["mae_log10"] is None


def test_growth_is_in_natural_logs() -> None:
    facts = growth_errors(np.array([0.0, 0.0]), np.array([np.log(10), -np.log(10)]))
    assert facts["mae_ln"] == pytest.approx(np.log(10))
    assert facts["mae_log10"] == pytest.approx(1)
    assert facts["r2"] == pytest.approx(0)


def test_coverage_and_width_by_group() -> None:
    count = ENOUGH_ROWS
    of = pl.DataFrame({"category": ["a"] * count + ["b"] * 2})
    actual = np.zeros(count + 2)
    lower = np.full(count + 2, -1.0)
    upper = np.full(count + 2, 1.0)
    upper[:20] = -0.5  # 20 of the first group are missed
    upper[count:] = -0.5  # and both of the second, which is too small to be the worst
    facts = band_facts(actual, lower, upper, of)
    assert facts["coverage"] == pytest.approx((count - 20) / (count + 2))
    assert facts["median_upper_over_lower"] == pytest.approx(100)
    assert [group["category"] for group in facts["by_category"]] == ["a", "b"]
    assert facts["by_category"][1]["coverage"] == 0
    assert facts["worst_category"] == pytest.approx(1 - 20 / count)
