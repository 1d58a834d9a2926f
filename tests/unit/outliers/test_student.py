"""The tail of Student's t against printed tables and against an integral."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.outliers.student import upper_tail
from tests.acceptance import independent_outliers


@pytest.mark.parametrize(
    ("df", "tail", "t"),
    [
        (1, 0.10, 3.078),
        (1, 0.05, 6.314),
        (1, 0.025, 12.706),
        (1, 0.005, 63.657),
        (2, 0.05, 2.920),
        (2, 0.005, 9.925),
        (4, 0.025, 2.776),
        (4, 0.0005, 8.610),
        (9, 0.01, 2.821),
        (10, 0.001, 4.144),
        (19, 0.05, 1.729),
        (19, 0.025, 2.093),
        (19, 0.0005, 3.883),
        (120, 0.025, 1.980),
    ],
)
def test_quantiles_of_the_printed_tables(df: int, tail: float, t: float) -> None:
    assert upper_tail(t, df) == pytest.approx(tail, rel=2e-3)


@pytest.mark.parametrize("t", [0.001, 0.5, 1.0, 3.0, 40.0, 1e6])
def test_one_and_two_degrees_of_freedom_have_closed_forms(t: float) -> None:
    assert upper_tail(t, 1) == pytest.approx(math.atan2(1, t) / math.pi, rel=1e-13)
    root = math.sqrt(2 + t * t)
    assert upper_tail(t, 2) == pytest.approx(1 / (root * (root + t)), rel=1e-13)


@settings(deadline=None)
@given(t=st.floats(-50, 200), df=st.integers(1, 19))
def test_it_is_the_integral_of_the_density(t: float, df: int) -> None:
    assert upper_tail(t, df) == pytest.approx(
        independent_outliers.upper_tail(t, df), rel=1e-11, abs=0
    )


@settings(deadline=None)
@given(t=st.floats(0, 1e300), df=st.floats(0.1, 1e4))
def test_both_tails_make_one(t: float, df: float) -> None:
    assert 0 <= upper_tail(t, df) <= 0.5
    assert upper_tail(t, df) + upper_tail(-t, df) == pytest.approx(1)


def test_many_degrees_of_freedom_come_near_the_normal_distribution() -> None:
    assert upper_tail(6, 1e9) == pytest.approx(math.erfc(6 / math.sqrt(2)) / 2, rel=1e-6)


def test_the_ends_of_the_line() -> None:
    assert upper_tail(math.inf, 3) == 0
    assert upper_tail(-math.inf, 3) == 1
    assert upper_tail(0, 3) == 0.5
    assert math.isnan(upper_tail(math.nan, 3))


@pytest.mark.parametrize("df", [0, -1, math.nan])
def test_no_freedom_is_refused(df: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        upper_tail(1, df)
