"""Real charts: features made of the whole table are those made of what was there at the time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from streams.virality.features import BEFORE, feature_table
from streams.virality.moments_of.as_of import AsOf
from streams.virality.moments_of.charts import Chart, from_chart

DATA = Path(__file__).parents[5] / "shared" / "data"
INSTANTS = [dt.datetime(2025, 9, 15, 18, tzinfo=dt.UTC), dt.datetime(2026, 2, 1, tzinfo=dt.UTC)]

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (DATA / "trending_snapshots.parquet").exists(),
        reason="the real charts are not beside the repository (../shared/data)",
    ),
]


@pytest.fixture(scope="module")
def charts() -> Chart:
    """A tenth of the channels, whole."""
    videos = pl.read_parquet(DATA / "trending_videos.parquet")
    channels = videos["channel_id"].unique().sort().gather_every(10)
    return from_chart(
        videos.filter(pl.col("channel_id").is_in(channels.implode())),
        pl.read_parquet(DATA / "trending_snapshots.parquet"),
    )


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("stage", ["before", "after"])
def test_of_the_whole_table_and_of_what_was_there(
    charts: Chart, instant: dt.datetime, stage: str
) -> None:
    known = charts.videos.filter(
        pl.col("published_at").is_between(instant - dt.timedelta(days=5), instant)
    )
    asked = known.select(
        "video_id", at=pl.col("published_at") if stage == "before" else pl.lit(instant)
    )
    then = AsOf(
        charts.videos.filter(pl.col("published_at") <= instant),
        charts.observations.filter(pl.col("at") <= instant),
    )
    of_the_whole = AsOf(charts.videos, charts.observations).moments(asked)
    horizons = pl.Series(np.random.default_rng(1).uniform(1, 800, asked.height))
    features = feature_table(of_the_whole, horizons)
    assert asked.height > 100
    assert features.equals(feature_table(then.moments(asked), horizons))
    assert np.isfinite(features.fill_null(0).to_numpy()).all()
    if stage == "before":
        known_then = features.select(f.name for f in BEFORE if f.available_at == "channel")
        assert known_then["seen_mean"].null_count() < asked.height / 2
    else:
        assert features["views"].null_count() < asked.height


def test_what_is_read_of_the_files(charts: Chart) -> None:
    assert charts.videos["category"].null_count() == 0
    assert charts.refused["videos repeated"] == 0
    assert (
        charts.observations["views"].null_count() == charts.refused["snapshots with hidden views"]
    )
