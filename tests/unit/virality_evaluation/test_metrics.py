"""The figures, against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.virality.evaluation import metrics


def array(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def test_mrse_is_the_mean_of_the_squared_relative_errors() -> None:
    # 20 % too much, 50 % too little, right: (.04 + .25 + 0) / 3.
    assert metrics.mrse(array(120, 50, 7), array(100, 100, 7)) == pytest.approx(0.29 / 3)


def test_too_little_never_costs_more_than_one_and_too_much_any_amount() -> None:
    assert metrics.mrse(array(0), array(10)) == 1
    assert metrics.mrse(array(110), array(10)) == 100


def test_the_standard_error_is_that_of_a_mean() -> None:
    # Squared errors 0 and 1: standard deviation sqrt(1/2), over sqrt(2).
    assert metrics.mrse_standard_error(array(1, 2), array(1, 1)) == pytest.approx(0.5)
    assert math.isnan(metrics.mrse_standard_error(array(1), array(1)))


def test_the_percentile_error_looks_at_order_alone() -> None:
    actual = array(1, 10, 100, 1000)

    assert metrics.percentile_error(actual**3, actual) == 0
    # Two neighbours change places: both are off by 1/4, two of four videos.
    assert metrics.percentile_error(array(1, 100, 10, 1000), actual) == pytest.approx(0.125)
    # All the other way round: off by 3/4, 1/4, 1/4, 3/4.
    assert metrics.percentile_error(-actual, actual) == pytest.approx(0.5)


def test_equal_predictions_share_their_mean_rank() -> None:
    # Everybody at 1/2; actual percentiles 1/8, 3/8, 5/8, 7/8.
    assert metrics.percentile_error(array(5, 5, 5, 5), array(1, 2, 3, 4)) == pytest.approx(0.25)
