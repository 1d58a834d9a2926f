"""Bursts: a steady video is none at any age, a sudden one is."""

from __future__ import annotations

import numpy as np
import pytest

from streams.virality.burst import burst_z


def sums(ages_h: np.ndarray) -> tuple[float, float]:
    return float(np.exp(-ages_h).sum()), float(np.exp(-ages_h / 24).sum())


def z_of(ages_h: np.ndarray, life_h: float) -> float:
    hour, day = sums(ages_h)
    return float(burst_z(np.array([hour]), np.array([day]), np.array([life_h]))[0])


@pytest.mark.parametrize("life_h", [0.3, 2.0, 20.0, 200.0])
@pytest.mark.parametrize("rate", [2.0, 50.0])
def test_steady_views_are_around_zero_and_hardly_ever_above_three(
    life_h: float, rate: float
) -> None:
    rng = np.random.default_rng(5)
    lives = [rng.uniform(0, life_h, rng.poisson(rate * life_h)) for _ in range(1500)]
    z = np.array([z_of(ages, life_h) for ages in lives])
    assert abs(z.mean()) < 0.5
    assert z.std() < 1.05
    assert (z > 3).mean() < 0.012


def test_a_sudden_hour_stands_out_the_more_the_larger_it_is() -> None:
    steady = np.linspace(0, 100, 1000)
    found = [z_of(np.concatenate([steady, np.full(more, 0.2)]), 100.0) for more in (0, 10, 40, 160)]
    assert found == sorted(found)
    assert abs(found[0]) < 0.5
    assert found[2] > 4


def test_silence_is_below_the_own_rate() -> None:
    assert z_of(np.linspace(4, 100, 1000), 100.0) < -2


def test_nothing_can_be_said_of_the_first_minutes_nor_without_views() -> None:
    assert z_of(np.zeros(100), 0.01) == 0.0
    assert -1 < z_of(np.zeros(0), 50.0) <= 0
    assert z_of(np.zeros(1), np.inf) > 0
