"""The evaluation before publication: what it may know, and whether it finds what is there."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from streams.virality.evaluation import next_day, prepublication
from streams.virality.evaluation.chart_rows import split
from streams.virality.evaluation.errors import EvaluationError
from streams.virality.features import BEFORE
from tests.unit.virality.evaluation.made_charts import made_charts

VIDEOS, SNAPSHOTS = made_charts()
UNTIL = dt.datetime(2026, 3, 1)
SINCE = dt.datetime(2026, 3, 5)
OUTCOMES = {
    "prepublication": prepublication.first_views,
    "next_day": next_day.next_counts,
}


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return prepublication.evaluate(VIDEOS, SNAPSHOTS, UNTIL, SINCE)


def test_it_finds_what_is_there(facts: dict[str, Any]) -> None:
    assert facts["ours"]["r2_log10"] > 0.8
    assert facts["ours"]["mae_log10"] < facts["baselines"]["content_only"]["mae_log10"]
    assert facts["ours"]["mae_log10"] < facts["baselines"]["training_mean"]["mae_log10"]
    history = facts["baselines"]["where_there_is_history"]
    assert history["ours"]["mae_log10"] < history["channel_mean"]["mae_log10"]


def test_who_is_told_the_age_does_better(facts: dict[str, Any]) -> None:
    assert facts["ours"]["mae_log10"] < facts["ours_age_unknown"]["mae_log10"]


def test_bands_cover_every_category_and_are_wider_where_videos_differ(
    facts: dict[str, Any],
) -> None:
    for name in ("band", "band_age_unknown"):
        assert 0.85 < facts[name]["coverage"] < 0.96
    width = {
        group["category"]: group["median_upper_over_lower"]
        for group in facts["band"]["by_category"]
    }
    assert width["10"] < width["20"] < width["24"]  # noise of 0.1, 0.2, 0.3


def test_every_row_is_accounted_for(facts: dict[str, Any]) -> None:
    rows = facts["rows"]
    refused = {
        reason: count for reason, count in rows["refused"].items() if not reason.startswith("snap")
    }
    assert rows["train"] + rows["test"] + sum(refused.values()) == VIDEOS.height


def _parts(name: str, snapshots: pl.DataFrame) -> Any:
    return split(VIDEOS, snapshots, UNTIL, SINCE, OUTCOMES[name])


@pytest.mark.parametrize("name", OUTCOMES)
def test_nothing_observed_after_the_training_time_is_learnt_from(name: str) -> None:
    later = pl.col("captured_at") >= UNTIL
    changed = SNAPSHOTS.with_columns(
        views=pl.when(later).then(pl.col("views") * 1_000).otherwise("views"),
        likes=pl.when(later).then(None).otherwise("likes"),
    )
    first, second = _parts(name, SNAPSHOTS).train, _parts(name, changed).train
    assert first.height > 1_000
    assert first.asked["known_at"].max() < UNTIL.replace(tzinfo=dt.UTC)
    assert first.features.equals(second.features)
    assert first.outcome.tolist() == second.outcome.tolist()


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("day", [8, 20])
def test_what_is_observed_after_a_moment_does_not_move_its_features(name: str, day: int) -> None:
    instant = dt.datetime(2026, 3, day)
    later = pl.col("captured_at") > instant
    changed = SNAPSHOTS.with_columns(
        views=pl.when(later).then(pl.col("views") * 1_000 + 1).otherwise("views"),
        comments=pl.when(later).then(pl.col("comments") + 99).otherwise("comments"),
    )
    first, second = (
        part.where(pl.col("at") <= instant.replace(tzinfo=dt.UTC))
        for part in (_parts(name, SNAPSHOTS).test, _parts(name, changed).test)
    )
    assert first.height > 50
    assert first.features.equals(second.features)
    assert first.outcome.tolist() != second.outcome.tolist()  # the change did change the truth


def test_before_publication_is_before_every_count_of_the_video() -> None:
    test = _parts("prepublication", SNAPSHOTS).test
    assert test.features["observations"].max() == 0
    assert (test.asked["at"] < test.asked["known_at"]).all()
    names = {feature.name for feature in prepublication.AGE_UNKNOWN}
    assert names == {f.name for f in BEFORE} - {"horizon", "usual_growth"} | {"words"}


def test_words_are_learnt_from_the_training_rows_alone() -> None:
    parts = _parts("prepublication", SNAPSHOTS)
    moved = replace(parts.test, outcome=parts.test.outcome + 9)
    first = prepublication.worded(parts.train, parts.test)
    second = prepublication.worded(parts.train, moved)
    assert first[0].features["words"].n_unique() > 1
    for one, other in zip(first, second, strict=True):
        assert one.features["words"].equals(other.features["words"])


def test_the_country_of_the_first_chart_is_never_looked_at() -> None:
    elsewhere = VIDEOS.with_columns(first_country=pl.lit("GR"))
    first, second = (
        split(videos, SNAPSHOTS, UNTIL, SINCE, prepublication.first_views).test
        for videos in (VIDEOS, elsewhere)
    )
    assert first.features.equals(second.features)


@pytest.mark.parametrize("zone", [None, dt.UTC, dt.timezone(dt.timedelta(hours=3))])
def test_times_without_a_zone_are_utc(zone: dt.tzinfo | None) -> None:
    until = UNTIL if zone is None else UNTIL.replace(tzinfo=dt.UTC).astimezone(zone)
    parts = split(VIDEOS, SNAPSHOTS, until, SINCE, prepublication.first_views)
    assert parts.train.height == _parts("prepublication", SNAPSHOTS).train.height


def test_a_first_count_of_zero_or_before_publication_is_left_out_and_counted() -> None:
    born = dict(zip(VIDEOS["video_id"], VIDEOS["published_at"], strict=True))
    odd = pl.concat(
        [
            SNAPSHOTS.with_columns(
                views=pl.when(pl.col("video_id") == "v1").then(0).otherwise("views")
            ),
            pl.DataFrame(
                {
                    "video_id": ["v2"],
                    "captured_at": [born["v2"] - dt.timedelta(hours=1)],
                    "views": [5],
                    "likes": [0],
                    "comments": [0],
                }
            ),
        ]
    )
    refused = _parts("prepublication", odd).refused
    assert refused["videos first observed at zero views"] == 1
    assert refused["videos observed before their publication"] == 1


@pytest.mark.parametrize("evaluate", [prepublication.evaluate, next_day.evaluate])
def test_bad_input_is_refused_in_a_line(evaluate: Any) -> None:
    with pytest.raises(EvaluationError, match="before what is learnt from ends"):
        evaluate(VIDEOS, SNAPSHOTS, SINCE, UNTIL)
    with pytest.raises(EvaluationError, match="no usable row from 2027"):
        evaluate(VIDEOS, SNAPSHOTS, UNTIL, dt.datetime(2027, 1, 1))
    with pytest.raises(EvaluationError, match="0 usable rows were observed before 2025"):
        evaluate(VIDEOS, SNAPSHOTS, dt.datetime(2025, 1, 1), SINCE)
    with pytest.raises(EvaluationError, match="no column captured_at"):
        evaluate(VIDEOS, SNAPSHOTS.drop("captured_at"), UNTIL, SINCE)
    with pytest.raises(EvaluationError, match="0 usable rows"):
        evaluate(VIDEOS, SNAPSHOTS.clear(), UNTIL, SINCE)
    with pytest.raises(EvaluationError, match="0 usable rows"):
        evaluate(VIDEOS, SNAPSHOTS.with_columns(views=pl.lit(None, pl.Int64)), UNTIL, SINCE)
