"""Forecasts of observed videos: what is remembered, and what a forecast may look at."""

from __future__ import annotations

import datetime as dt
import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from schemas.avro_types import frame_schema
from schemas.catalogue import VIRALITY_CHANNELS
from schemas.encoding import FrameEncoder
from streams.virality.forecasts.fold import ForecastFold
from streams.virality.forecasts.rows import ForecastRows
from streams.virality.moments import HISTORY_OBSERVATIONS, HISTORY_VIDEOS
from tests.unit.virality.forecasts.snapshots import (
    DAY_0,
    Snapshot,
    fold_in_chunks,
    frame,
    in_order,
    newest,
    snapshot,
    unruly,
)
from tests.unit.virality.forecasts.stand_in import Model


def folded(
    snapshots: list[Snapshot], *cuts: int, model: Model | None = None, days: int = 30
) -> tuple[pl.DataFrame, pl.DataFrame]:
    fold = ForecastFold(ForecastRows(model or Model()), days)
    return fold_in_chunks(fold, frame(snapshots), cuts)


def observed(state: pl.DataFrame, video: str) -> list[dict[str, object]]:
    for one in state["videos"].explode().to_list():
        if one["video_id"] == video:
            return list(one["observed"])
    return []


@pytest.mark.parametrize(
    "seed", [4, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4))]
)
def test_any_chunks_give_the_same_memory_and_the_same_last_forecasts(seed: int) -> None:
    snapshots = unruly(seed, 700)
    state, forecasts = folded(snapshots)
    assert forecasts.height > 50
    rng = random.Random(seed)
    for cuts in (range(0, len(snapshots), 1 + 3 * seed), rng.sample(range(len(snapshots)), 20)):
        other_state, other = folded(snapshots, *cuts)
        assert_frame_equal(other_state, state)
        told = [name for name in other.columns if name != "reasons"]
        assert_frame_equal(newest(other).select(told), newest(forecasts).select(told))


@pytest.mark.parametrize("seed", range(3))
def test_memory_is_bounded_and_is_a_row_of_its_topic(seed: int) -> None:
    state, _ = folded(unruly(seed, 900), 100, 500)
    videos = state["videos"].explode().struct.unnest()
    assert state["videos"].list.len().max() == HISTORY_VIDEOS
    assert videos["observed"].list.len().max() <= HISTORY_OBSERVATIONS
    assert videos["observed"].list.len().min() >= 1
    rows = state.with_columns(
        pl.lit(3, pl.Int64).alias("applied_offset"), pl.lit(1, pl.Int32).alias("generation")
    )
    wanted = frame_schema(VIRALITY_CHANNELS.schema)
    assert len(FrameEncoder(VIRALITY_CHANNELS.schema).encode(rows.select(wanted.names()))) == 2


@pytest.mark.parametrize("count", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_what_comes_behind_a_snapshot_does_not_move_its_forecast(count: int) -> None:
    snapshots = unruly(11, 400)
    model = Model()
    folded(snapshots, model=model)
    together = pl.concat(model.asked)
    found = 0
    for at in random.Random(1).sample(last_words(snapshots), count):
        alone = Model()
        folded(snapshots[: at + 1], at, model=alone)
        if alone.asked and alone.asked[-1].height == 1:
            (wanted,) = together.filter(pl.col("applied_offset") == 3 * at).to_dicts()
            assert alone.asked[-1].to_dicts() == [wanted]
            found += 1
    assert found > count // 2


def last_words(snapshots: list[Snapshot]) -> list[int]:
    """The last of each video, where enough stands before it."""
    last = {one["video_id"]: at for at, one in enumerate(snapshots)}
    return [at for at in last.values() if at >= 100]


def test_a_recount_is_taken_and_a_copy_changes_nothing() -> None:
    first = snapshot("v", hours=2, views=1000)
    down = snapshot("v", hours=4, views=800)
    state, forecasts = folded([first, first, down, first])
    assert [one["views"] for one in observed(state, "v")] == [1000, 800]
    (row,) = newest(forecasts).to_dicts()
    assert (row["views"], row["velocity"]) == (800, -100.0)
    assert row["predicted_views_7d"] == 1600.0


def test_counts_of_one_instant_are_one_observation_and_the_most_views_count() -> None:
    several = [snapshot("v", hours=2, views=views) for views in (10, 30, 20)]
    for order in (several, several[::-1]):
        state, _ = folded(order, 1)
        assert [one["views"] for one in observed(state, "v")] == [30]


def test_hidden_views_are_no_views_and_are_not_remembered() -> None:
    state, forecasts = folded([snapshot("v", hours=2, views=None)])
    assert state["videos"].to_list() == [[]]
    (row,) = forecasts.to_dicts()
    assert (row["stage"], row["views"], row["velocity"]) == ("before", None, None)
    _, later = folded([snapshot("v", hours=1, views=50), snapshot("v", hours=9, views=None)])
    assert (later["views"].to_list(), later["age_s"].to_list()) == ([50], [9 * 3600])


def test_before_its_publication_a_video_has_no_forecast() -> None:
    early = snapshot("v", hours=-0.1, views=3)
    state, forecasts = folded([early])
    assert forecasts["stage"].to_list() == forecasts["predicted_views_7d"].to_list() == [None]
    assert [one["views"] for one in observed(state, "v")] == [3]
    _, later = folded([early, snapshot("v", hours=1, views=40)], 1)
    assert later["predicted_views_7d"].to_list() == [None, 80.0]


def test_beyond_the_last_horizon_nothing_is_left_to_forecast() -> None:
    _, forecasts = folded([snapshot("v", hours=24 * 30 + 1, views=3)])
    assert forecasts.select("views", "stage", "score").rows() == [(3, None, None)]


def test_a_horizon_that_is_over_is_null() -> None:
    _, forecasts = folded([snapshot("v", hours=25, views=3)])
    assert forecasts["predicted_views_24h"].to_list() == [None]
    assert forecasts["predicted_views_7d"].to_list() == [6.0]


def test_a_late_snapshot_adds_to_what_is_known_now() -> None:
    late = snapshot("v", hours=3, views=100)
    _, forecasts = folded([snapshot("v", hours=9, views=900), late], 1)
    assert forecasts["views"].to_list() == [900, 900]
    assert forecasts["as_of"].n_unique() == 1
    assert forecasts["velocity"].to_list() == [100.0, pytest.approx(800 / 6)]


def test_velocity_is_of_at_least_an_hour_and_acceleration_against_the_mean() -> None:
    times = [(0.5, 100), (4.0, 1000), (4.5, 1100), (5.0, 1200)]
    _, forecasts = folded([snapshot("v", hours=hours, views=views) for hours, views in times])
    assert forecasts["velocity"].to_list() == [200.0]
    assert forecasts["acceleration"].to_list() == [pytest.approx(200 / (1200 / 5))]


def test_a_moment_that_the_model_refuses_costs_no_other_its_forecast() -> None:
    snapshots = [snapshot(f"v{n}", hours=2, views=10 * n) for n in range(9)]
    state, forecasts = folded(snapshots, model=Model(refuses="v4"))
    refused = forecasts.filter(pl.col("stage").is_null())["video_id"].to_list()
    assert (refused, forecasts.height) == (["v4"], 9)
    assert len(state["videos"][0]) == 9


def test_what_the_log_received_long_ago_is_forgotten() -> None:
    """By the log's own clock: history that is ingested today is new."""
    old = snapshot("old", hours=1, views=10, published=-9000, _timestamp=DAY_0)
    again = DAY_0 + dt.timedelta(days=20)
    kept = snapshot("kept", hours=1, views=20, published=-9000, _timestamp=again)
    late = DAY_0 + dt.timedelta(days=30)
    new = snapshot("new", hours=2, views=30, published=24 * 30, _timestamp=late)
    for cuts in ((), (1, 2)):
        state, forecasts = folded([old, kept, new], *cuts)
        assert [one["video_id"] for one in state["videos"][0]] == ["kept", "new"]
        assert forecasts.filter(video_id="new")["score"].to_list() == [51.0]
    state, _ = folded([old, kept, new], days=0)
    assert [one["video_id"] for one in state["videos"][0]] == ["kept", "old", "new"]


def test_a_channel_that_forgot_everything_is_as_one_that_was_never_seen() -> None:
    """So that a row that has expired in the topic is missed by nobody."""
    old = snapshot("old", hours=500, views=10, _timestamp=DAY_0)
    new = snapshot("new", hours=2, views=30, _timestamp=DAY_0 + dt.timedelta(days=40))
    with_past, _ = folded([old, new], 1)
    without, _ = folded([new])
    assert_frame_equal(with_past, without)


def test_the_newest_fifty_are_remembered_and_no_older_one_is_forecast() -> None:
    many = [snapshot(f"v{n:02d}", hours=60 - n, views=n, published=n) for n in range(60)]
    state, forecasts = folded([*many, many[3], many[30]], 60)
    assert [one["video_id"] for one in state["videos"][0]] == [f"v{n:02d}" for n in range(10, 60)]
    told = forecasts.filter(pl.col("applied_offset") >= 180).sort("video_id")
    assert told["video_id"].to_list() == ["v03", "v30"]
    assert told["score"].to_list() == [None, 50.0 + 20]


def test_reasons_are_for_the_best_scores_of_a_chunk() -> None:
    several = in_order(2, 400)
    _, forecasts = folded(several)
    told = forecasts.filter(pl.col("reasons").list.len() > 0)
    assert told.height == 32 < forecasts["score"].count()
    rest = forecasts.filter(pl.col("reasons").list.len() == 0)
    least, most = told["score"].min(), rest["score"].max()
    assert isinstance(least, float)
    assert isinstance(most, float)
    assert least >= most
