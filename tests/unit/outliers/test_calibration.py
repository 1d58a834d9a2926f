"""Probabilities that hold, on simulated channels whose outliers are known."""

from __future__ import annotations

import polars as pl
import pytest

from benchmarks.outlier_calibration import (
    PROBABILITY,
    RATE,
    calibration,
    discoveries,
    learned,
    scenario,
)
from streams.outliers.model.growth import Growth


@pytest.fixture(scope="module")
def growth() -> Growth:
    """Learned from a platform of another seed."""
    return learned(101)


def test_usual_videos_are_improbable_as_rarely_as_it_is_said(growth: Growth) -> None:
    found = calibration(scenario(seed=4, videos=4500, channels=150), growth)
    assert found["judgements"] > 20_000
    assert found["share at 0.01"] <= PROBABILITY
    assert found["share at 0.05"] == pytest.approx(0.05, abs=0.02)
    assert found["share at 0.1"] == pytest.approx(0.1, abs=0.03)
    assert found["planted detected"] >= 0.7 * found["planted"]
    assert found["discoveries"] >= 0.3 * found["planted"]
    assert found["share false"] <= RATE


def test_a_day_s_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    """Four tests: 0.01, 0.02, 0.04 against 0.025, 0.05, 0.075 at a rate of 0.1; 0.2 is too much."""
    detections = pl.DataFrame(
        {
            "day": [1, 1, 1, 1, 2],
            "video_id": ["a", "b", "c", "d", "e"],
            "tail_probability": [0.04, 0.01, 0.2, 0.02, 0.04],
        }
    )
    tests = pl.DataFrame({"day": [1, 2], "tests": [4, 4]})
    assert discoveries(detections, tests, 0.1)["video_id"].to_list() == ["b", "d", "a"]
