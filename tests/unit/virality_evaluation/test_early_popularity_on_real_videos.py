"""A sample of real videos: the figures stand in the order that is known of all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from streams.virality.evaluation import metrics
from streams.virality.evaluation.daily_views import read
from streams.virality.evaluation.early_popularity import evaluate
from streams.virality.growth import baselines, late
from streams.virality.growth.folds import FOLDS, folds

DATA = Path(__file__).parents[4] / "shared" / "data" / "active_daily_views.parquet"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not DATA.exists(), reason="the daily views are not beside the repository (../shared/data)"
    ),
]


@pytest.fixture(scope="module")
def videos() -> pl.DataFrame:
    return pl.read_parquet(DATA)


def test_the_metrics_give_the_published_figures(videos: pl.DataFrame) -> None:
    """Of 14,041 videos they are .452, .158, .286, .107; .0379 and .0654. Here are four in five."""
    curves = read(videos, "the videos").curves(("Music",))

    for seen, day, wanted in ((1, 30, 0.452), (7, 30, 0.158), (7, 90, 0.286), (30, 90, 0.107)):
        scaled = baselines.constant_scaling(curves, curves, seen, day)
        assert metrics.mrse(scaled, curves.views_by(day)) == pytest.approx(wanted, rel=0.02)
    for seen, day, wanted in ((7, 30, 0.123), (30, 90, 0.0645)):
        linear = np.empty(len(curves))
        part = folds(len(curves), seed=1)
        for left_out in range(FOLDS):
            rest, those = curves.part(part != left_out), curves.part(part == left_out)
            linear[part == left_out] = baselines.multivariate_linear(rest, those, seen, day)
        assert metrics.mrse(linear, curves.views_by(day)) == pytest.approx(wanted, rel=0.03)
    actual = late.late_views(curves)
    hip = videos["hip_pred"].list.slice(90).list.sum().to_numpy()
    assert metrics.percentile_error(late.persistence(curves), actual) == pytest.approx(
        0.0379, abs=0.0003
    )
    assert metrics.percentile_error(hip, actual) == pytest.approx(0.0654, abs=0.0005)


def test_a_sample_is_enough_to_beat_the_baselines(videos: pl.DataFrame) -> None:
    sample = videos.sample(1200, shuffle=True, seed=1)

    found = evaluate(sample[:800], sample[800:], pairs=((7, 30),))

    [pair] = found["pairs"]
    assert pair["mrse"] < 0.9 * min(pair["baselines"].values())
    assert 0.85 < pair["band"]["coverage"] < 0.95
    assert found["percentile"]["error"] < found["percentile"]["baselines"]["persistence"]
    assert found["percentile"]["error"] < found["percentile"]["baselines"]["hip"]
