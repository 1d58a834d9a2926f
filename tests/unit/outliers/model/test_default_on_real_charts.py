"""The curves that ship, on the charts that they were learned from and on later ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from streams.outliers.model.calibration import measured
from streams.outliers.model.charts import FILES, charted, default_growth
from streams.outliers.model.growth import Growth
from streams.outliers.model.observations import observations

CHARTS = Path(__file__).parents[5] / "shared" / "data"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not all((CHARTS / name).is_file() for name in FILES),
        reason=f"needs {', '.join(FILES)} in {CHARTS}",
    ),
]


def test_probabilities_are_kept_and_growth_is_foreseen() -> None:
    snapshots = charted(CHARTS).filter(pl.col("channel_id").hash(1) % 8 == 0)
    observed = observations(snapshots.with_columns(duration_s=pl.lit(None, pl.Int32)))

    found = measured(Growth.default(), observed, dt.datetime(2026, 3, 1, tzinfo=dt.UTC))

    growth, shares = found["growth"], found["share at p"]["all"]
    assert found["judged"] > 3_000
    assert 0 < shares["0.01"] < 0.01 < shares["0.05"] < 0.05 < shares["0.1"] < 0.1
    assert growth["mean absolute error"] < 0.5 * growth["no growth"]


@pytest.mark.slow
def test_what_ships_is_what_the_charts_give() -> None:
    assert default_growth(CHARTS).version == Growth.default().version
