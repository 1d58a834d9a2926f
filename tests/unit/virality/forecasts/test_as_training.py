"""Serving and training look at the same: moments and features of a stream and of its log."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from streams.virality.features import feature_table
from streams.virality.forecasts.fold import ForecastFold
from streams.virality.forecasts.rows import ForecastRows
from streams.virality.moments import MOMENT
from streams.virality.moments_of.as_of import AsOf
from tests.unit.virality.forecasts.snapshots import fold_in_chunks, frame, in_order
from tests.unit.virality.forecasts.stand_in import Model


@pytest.mark.parametrize(
    ("seed", "every"),
    [pytest.param(0, 3, marks=pytest.mark.slow), (0, 15), (1, 40), (2, 250), (3, 4000)],
)
def test_a_replayed_stream_and_the_table_for_training_have_the_same_features(
    seed: int, every: int
) -> None:
    events = frame(in_order(seed, 900))
    model = Model()
    fold = ForecastFold(ForecastRows(model), days=0)
    fold_in_chunks(fold, events, range(0, len(events), every))
    streamed = pl.concat(model.asked)
    assert streamed.height > 60

    videos = events.unique("video_id", keep="last", maintain_order=True)
    table = AsOf(
        videos.select("video_id", "channel_id", "title", "published_at", "category", "duration_s"),
        events.select("video_id", pl.col("occurred_at").alias("at"), "views", "likes", "comments"),
    )
    trained = table.moments(streamed.select("video_id", "at"))
    assert streamed["history"].list.len().max() == 49
    assert_frame_equal(streamed.select(MOMENT.names()), trained)
    for horizon in (24.0, 168.0, 720.0):
        assert_frame_equal(
            feature_table(streamed.select(MOMENT.names()), horizon),
            feature_table(trained, horizon),
        )
