"""The alarm tells since when a model errs more, and by how much."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from streams.virality.drift.alarm import JUDGED, drift_of

START = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def judged(errors: np.ndarray, half_width: np.ndarray | float = 0.5) -> pl.DataFrame:
    """Forecasts of 9,999 views that are off by so much (log10), one an hour."""
    half = np.broadcast_to(half_width, errors.shape)
    return pl.DataFrame(
        {
            "prediction_id": [f"{number:05}" for number in range(errors.size)],
            "at": [START + number * HOUR for number in range(errors.size)],
            "predicted": np.full(errors.size, 9_999.0),
            "lower": 10 ** (4 - half) - 1,
            "upper": 10 ** (4 + half) - 1,
            "actual": np.round(10 ** (4 + errors)).astype(np.int64) - 1,
        },
        schema=JUDGED,
    )


def noise(count: int, size: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, count)


def test_errors_that_stay_as_they_are_raise_no_alarm() -> None:
    found = drift_of(judged(noise(1_500, 0.3)))
    assert (found.watched, found.since, found.noticed, found.worse) == (1_500, None, None, False)
    assert (found.error_before, found.coverage_before) == (None, None)
    assert found.error_after == pytest.approx(0.24, abs=0.02)
    assert found.coverage_after == pytest.approx(0.904, abs=0.03)


def test_errors_that_grow_raise_it_with_both_sides() -> None:
    rows = judged(np.concatenate([noise(1_000, 0.3), noise(400, 0.9, 2)]))
    found = drift_of(rows)
    assert found.worse
    assert found.since is not None
    assert found.noticed is not None
    assert abs(found.since - (START + 1_000 * HOUR)) <= 200 * HOUR
    assert found.since <= found.noticed
    assert found.noticed >= START + 1_000 * HOUR
    assert found.error_before == pytest.approx(0.24, abs=0.05)
    assert found.error_after == pytest.approx(0.72, abs=0.12)
    assert found.coverage_before is not None
    assert found.coverage_after is not None
    assert found.coverage_before > 0.85 > 0.6 > found.coverage_after
    # Rows in another order are the same rows.
    assert drift_of(rows.sample(fraction=1, shuffle=True, seed=3)) == found


def test_errors_that_shrink_are_a_change_but_no_alarm() -> None:
    found = drift_of(judged(np.concatenate([noise(800, 0.9), noise(800, 0.2, 2)])))
    assert found.since is not None
    assert not found.worse


def test_harder_questions_with_wider_bands_are_no_drift() -> None:
    half = np.concatenate([np.full(800, 0.2), np.full(800, 0.8)])
    errors = noise(1_600, 0.6) * half
    found = drift_of(judged(errors, half))
    assert found.since is None
    # The same errors behind bands that promise too much are one.
    assert drift_of(judged(errors, 0.2)).worse


def test_of_nothing_nothing_is_said() -> None:
    found = drift_of(judged(np.zeros(0)))
    assert (found.watched, found.error_after, found.worse) == (0, None, False)
    exact = drift_of(judged(np.zeros(40), 0.0))
    assert (exact.error_after, exact.coverage_after) == (0.0, 1.0)
