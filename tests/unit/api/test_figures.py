"""Figures on their way to people."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rates import WINDOW_SECONDS, Rate
from api.scored import brought_to
from api.security import is_loopback
from api.shapes.videos import spoken_seconds


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [(None, None), (0, "0.0s"), (12.04, "12.0s"), (59.9, "59.9s"), (120, "2.0m"), (3600, "1.0h")],
)
def test_times_are_spoken_in_the_unit_that_fits(seconds: float | None, spoken: str | None) -> None:
    assert spoken_seconds(seconds) == spoken


def test_a_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.of(1000, now=0.0) == 0.0
    assert rate.of(1500, now=1.0) == 500.0
    for second in range(2, 60):
        found = rate.of(1500, now=float(second))
    assert found == 0.0
    assert rate.of(1500 + int(WINDOW_SECONDS), now=60.0) <= 1.0


def test_a_count_that_starts_over_gives_no_negative_rate() -> None:
    rate = Rate()
    rate.of(1000, now=0.0)
    assert rate.of(10, now=1.0) == 0.0
    assert rate.of(20, now=2.0) == 10.0


@given(st.floats(0, 1e12), st.floats(0, 1e10), st.floats(0, 1e10))
def test_decaying_in_two_steps_is_decaying_once(views: float, first: float, more: float) -> None:
    names = ("views_1h", "views_6h", "views_24h", "views_7d", "velocity")
    figures = dict.fromkeys(names, views)
    once = brought_to(figures, first + more)
    twice = brought_to(brought_to(figures, first), more)
    for name in names:
        assert math.isclose(once[name], twice[name], rel_tol=1e-6, abs_tol=1e-6)
        assert 0 <= once[name] <= views


def test_an_event_ahead_of_the_clock_does_not_make_figures_grow() -> None:
    assert brought_to({"views_1h": 5.0}, -3600) == {"views_1h": 5.0}


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own
