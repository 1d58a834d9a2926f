from __future__ import annotations

import numpy as np
import pytest

from streams.outliers.watching.expectation import (
    HABIT_HALF_LIFE_H,
    PRIOR_RATE,
    PRIOR_UPLOADS,
    growth_pace,
    log_share,
    upload_rates,
    waiting,
)


def test_a_usual_video_grows_as_measured() -> None:
    shares = 10 ** log_share(np.array([24.0, 72.0, 168.0, 720.0, 2880.0]))
    assert shares.round(3).tolist() == [0.08, 0.25, 0.39, 0.68, 1.0]
    ages = np.linspace(0, 4000, 5000)
    assert (np.diff(log_share(ages)) >= 0).all()


def test_of_a_channel_without_uploads_the_rate_falls_with_the_time_that_it_is_known() -> None:
    none = np.zeros(0)
    known = np.array([0.0, 24.0, 90 * 24.0])
    rates = upload_rates(none.astype(np.int64), none, known)
    assert rates[0] == pytest.approx(PRIOR_RATE)
    assert rates[0] > rates[1] > rates[2] > 0


def test_rates_are_those_of_the_posterior() -> None:
    ages = np.array([0.0, HABIT_HALF_LIFE_H, 2 * HABIT_HALF_LIFE_H])
    [rate] = upload_rates(np.zeros(3, dtype=np.int64), ages, np.array([2 * HABIT_HALF_LIFE_H]))
    counted = 1 + 0.5 + 0.25
    time = sum(0.5 ** (h / HABIT_HALF_LIFE_H) for h in np.arange(0.5, 2 * HABIT_HALF_LIFE_H))
    expected = (PRIOR_UPLOADS + counted) / (PRIOR_UPLOADS / PRIOR_RATE + time)
    assert rate == pytest.approx(expected, rel=1e-4)


def test_an_upload_before_the_time_that_is_known_does_not_count() -> None:
    known = np.array([24.0])
    one = upload_rates(np.zeros(1, dtype=np.int64), np.array([25.0]), known)
    none = upload_rates(np.zeros(0, dtype=np.int64), np.zeros(0), known)
    assert one.tolist() == none.tolist()


def test_many_uploads_a_day_make_a_rate_near_to_it() -> None:
    ages = np.arange(0.0, 90 * 24, 2.0)
    [rate] = upload_rates(np.zeros(len(ages), dtype=np.int64), ages, np.array([90 * 24.0]))
    assert rate == pytest.approx(0.5, rel=0.15)  # the prior still pulls


def test_pace_starts_from_the_usual_one_and_follows_what_was_seen() -> None:
    grown, expected = np.array([0.0, 0.3, 0.0, 5.0]), np.array([0.0, 0.1, 0.1, 0.0])
    unknown, fast, slow, huge = growth_pace(grown, expected).tolist()
    assert unknown == 1.0
    assert slow < 0.2 < 2 < fast < 3
    assert huge == 20.0


def test_growth_waits_longer_where_there_is_more_of_it() -> None:
    def of(start: float, now: float, pace: float = 1.0) -> float:
        [area] = waiting(np.array([start]), np.array([now]), np.array([pace]))
        return float(area)

    assert of(5, 5) == 0
    assert of(2, 3) > of(200, 201) > of(2000, 2001) > 0
    assert of(24, 26) > 2 * of(24, 25)  # growth waits longer, and there is more of it
    assert of(24, 25, 3.0) == pytest.approx(3 * of(24, 25))
