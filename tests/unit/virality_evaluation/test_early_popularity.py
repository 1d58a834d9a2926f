"""The evaluation from table to figures."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from streams.virality.evaluation.early_popularity import evaluate
from streams.virality.evaluation.errors import EvaluationError
from tests.unit.virality_evaluation.made_up import table

ONE = ((7, 30),)


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    return table(120), table(30, seed=2, first=1000)


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return evaluate(*tables(), pairs=ONE)


def test_what_follows_a_law_is_learnt_better_than_by_scaling() -> None:
    found = evaluate(table(400), table(200, seed=2, first=1000), pairs=ONE)

    [pair] = found["pairs"]
    assert pair["videos"] == 200
    assert pair["mrse"] < 0.5 * pair["baselines"]["constant_scaling"]
    assert pair["mrse"] < pair["baselines"]["persistence"]
    assert 0.8 < pair["band"]["coverage"] <= 1
    assert sum(group["rows"] for group in pair["band"]["by_category"]) == 200
    assert found["percentile"]["error"] < 0.05
    assert set(found["percentile"]["baselines"]) == {"persistence"}


def test_videos_in_both_tables_are_not_learnt_from() -> None:
    test = table(50, first=120)

    found = evaluate(table(150), test, pairs=ONE)

    assert found["rows"]["train"] == {
        "given": 150,
        "used": 120,
        "refused": {"also in the test file": 30},
    }
    assert found["rows"]["test"]["used"] == 50


def test_figures_depend_on_the_tables_alone(plain: dict[str, Any]) -> None:
    again = evaluate(*tables(), pairs=ONE)

    assert again["pairs"] == plain["pairs"]
    assert again["percentile"] == plain["percentile"]


def test_the_published_forecast_is_measured_and_never_learnt_from(plain: dict[str, Any]) -> None:
    train, test = tables()
    perfect = pl.col("daily_views").cast(pl.List(pl.Float64)).alias("hip_pred")

    found = evaluate(train.with_columns(perfect), test.with_columns(perfect), pairs=ONE)

    assert found["percentile"]["baselines"].pop("hip") == 0
    assert found["percentile"] == plain["percentile"]
    assert found["pairs"] == plain["pairs"]


def test_videos_without_views_by_then_have_no_relative_error_and_are_counted() -> None:
    late = pl.DataFrame(
        {"video_id": ["late"], "category": ["Music"], "daily_views": [[0] * 60 + [9] * 60]}
    )

    found = evaluate(table(120), pl.concat([table(5, seed=2, first=1000), late]), pairs=ONE)

    assert found["pairs"][0]["videos"] == 5
    assert found["pairs"][0]["without_views_by_then"] == 1
    assert found["percentile"]["videos"] == 6


def test_one_video_without_views_by_then_is_no_error() -> None:
    late = pl.DataFrame(
        {"video_id": ["late"], "category": ["Music"], "daily_views": [[0] * 60 + [9] * 60]}
    )

    [pair] = evaluate(table(120), late, pairs=ONE)["pairs"]

    assert pair["mrse"] is None
    assert pair["band"] is None


def test_too_little_to_learn_from_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="99 rows that can be used, at least 100"):
        evaluate(table(99), table(5, first=1000))
