"""The recipe of the model that ships, small, on the charts that it is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.virality.training.charts import FILES, LEFT_OUT, chart_data
from streams.virality.training.fit import Recipe
from streams.virality.training.measures import measured
from streams.virality.training.train import train

CHARTS = Path(__file__).parents[4] / "shared" / "data"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not all((CHARTS / name).is_file() for name in FILES),
        reason=f"needs {', '.join(FILES)} in {CHARTS}",
    ),
]


def test_it_is_better_than_simple_rules_and_its_bands_hold() -> None:
    data = chart_data(CHARTS)
    trained = train(data, "small", Recipe(rounds=80, left_out=LEFT_OUT), most_videos=6_000)
    found = measured(trained)

    assert data.observations.height > 500_000
    for model in trained.bundle.stages.values():
        assert not set(LEFT_OUT) & set(model.point.columns)
    after, before = found["after"], found["before"]
    assert after["ours"]["mae"] < min(one["mae"] for one in after["baselines"].values())
    assert before["ours"]["mae"] < before["baselines"]["mean of the category"]["mae"]
    assert 0.85 < after["coverage"] < 0.97
    assert 0.85 < before["coverage"] < 0.97
