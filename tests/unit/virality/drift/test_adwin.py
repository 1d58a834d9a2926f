"""ADWIN keeps what is alike and lets go of what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.virality.drift.adwin import Adwin

SHARE = st.floats(0, 1)


def after(values: np.ndarray | list[float], delta: float = 0.002) -> tuple[Adwin, list[int]]:
    """The window after some values, and at which of them it was cut."""
    window = Adwin(delta)
    return window, [at for at, value in enumerate(values) if window.add(float(value))]


@given(st.lists(SHARE, max_size=400), st.lists(SHARE, max_size=60), st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_the_window_is_the_newest_values_whatever_they_were(
    some: list[float], level: list[float], shift: int
) -> None:
    values = some[:shift] + [value / 10 for value in level] * 6 + some[shift:]
    window, cuts = after(values)

    assert window.seen == len(values)
    assert window.width <= len(values)
    newest = values[len(values) - window.width :]
    if newest:
        assert window.mean == pytest.approx(np.mean(newest), abs=1e-9)
    assert cuts or window.width == len(values)
    again, same = after(values)
    assert (again.width, same) == (window.width, cuts)


@pytest.mark.parametrize(("level", "to"), [(0.05, 0.35), (0.5, 0.8), (0.5, 0.2), (0.9, 0.6)])
def test_a_step_is_noticed_soon_and_its_past_is_let_go(level: float, to: float) -> None:
    random = np.random.default_rng(7)
    steady, moved = random.binomial(1, level, 2_000), random.binomial(1, to, 600)
    window, cuts = after(np.concatenate([steady, moved]))

    assert cuts
    assert 2_000 <= cuts[0] < 2_300
    # Buckets are cut off whole: some of the past may be left, and some of the present gone.
    assert 400 <= window.width <= 800
    assert window.mean == pytest.approx(to, abs=0.08)


def test_a_slow_rise_is_noticed_too() -> None:
    random = np.random.default_rng(3)
    level = np.concatenate([np.full(2_000, 0.2), np.linspace(0.2, 0.6, 3_000)])
    window, cuts = after(random.binomial(1, level))
    assert cuts
    assert cuts[0] >= 2_000
    assert window.mean > 0.4


@pytest.mark.parametrize("shape", ["bernoulli", "beta", "constant"])
def test_of_steady_streams_hardly_any_is_cut(shape: str) -> None:
    streams = 150
    random = np.random.default_rng(11)
    made = {
        "bernoulli": random.binomial(1, 0.1, (streams, 1_500)),
        "beta": random.beta(2, 5, (streams, 1_500)),
        "constant": np.full((streams, 1_500), 0.3),
    }[shape]
    false = sum(bool(after(stream, delta=0.01)[1]) for stream in made)
    # The bound holds for one look at the window; there are many, but it is far from tight.
    assert false <= 0.02 * streams


def test_its_memory_is_logarithmic() -> None:
    window, _ = after(np.full(20_000, 0.4))
    assert window.width == 20_000
    assert len(list(window._oldest_first())) < 80
