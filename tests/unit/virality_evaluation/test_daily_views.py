"""Files of daily views: every bad row is refused and counted, a bad file is said to be one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from streams.virality.evaluation.daily_views import read, vocabulary
from streams.virality.evaluation.errors import EvaluationError
from tests.unit.virality_evaluation.made_up import table

GOOD = [1.0] * 120


def frame(**columns: list[Any]) -> pl.DataFrame:
    rows = len(next(iter(columns.values()), [None]))
    return pl.DataFrame(
        {
            "video_id": [f"v{i}" for i in range(rows)],
            "category": ["Music"] * rows,
            "daily_views": [GOOD] * rows,
            **columns,
        },
        schema_overrides={"daily_views": pl.List(pl.Float64)},
    )


@pytest.mark.parametrize(
    ("daily", "reason"),
    [
        (None, "no daily_views"),
        ([], "fewer than 119 days"),
        ([1.0] * 118, "fewer than 119 days"),
        ([None, *GOOD[1:]], "a day is null"),
        ([math.nan, *GOOD[1:]], "a day is no number"),
        ([math.inf, *GOOD[1:]], "a day is no number"),
        ([-1.0, *GOOD[1:]], "negative views"),
        ([0.0] * 120, "no views at all"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason(
    daily: list[float | None] | None, reason: str
) -> None:
    found = read(frame(daily_views=[GOOD, daily, GOOD]), "f")

    assert found.frame["video_id"].to_list() == ["v0", "v2"]
    assert found.rows() == {"given": 3, "used": 2, "refused": {reason: 1}}


def test_of_an_id_that_comes_again_the_first_good_row_counts() -> None:
    found = read(
        frame(video_id=["a", "a", "a", None], daily_views=[[1.0], GOOD, [2.0] * 120, GOOD]), "f"
    )

    assert found.frame["daily_views"].to_list() == [GOOD]
    assert found.refused == {
        "fewer than 119 days": 1,
        "id came before": 1,
        "no video_id": 1,
    }


def test_a_video_may_lack_the_last_day_and_have_more_than_are_needed() -> None:
    found = read(frame(daily_views=[[1.0] * 119, [1.0] * 200]), "f").curves(("Music",))

    assert np.isnan(found.daily[0]).tolist() == [False] * 119 + [True]
    assert found.daily[1].tolist() == GOOD


def test_whole_numbers_and_arrays_do_as_well() -> None:
    whole = table(3)
    arrays = whole.with_columns(pl.col("daily_views").list.to_array(120))

    assert read(whole, "f").frame.equals(read(arrays, "f").frame)


def test_a_category_that_training_has_not_is_unknown_to_the_model() -> None:
    views = read(frame(category=["Music", None]), "f")

    assert vocabulary(views) == ("Music", "unknown")
    assert views.curves(("Music",)).category.tolist() == [0, -1]


def test_other_columns_stay_with_their_rows() -> None:
    found = read(frame(daily_views=[[1.0], GOOD], hip_pred=[[1.0], [2.0]]), "f")

    assert found.frame["hip_pred"].to_list() == [[2.0]]


def test_videos_of_another_table_are_taken_out_and_counted() -> None:
    found = read(frame(daily_views=[GOOD] * 3), "f").without(pl.Series(["v1", "x"]), "elsewhere")

    assert found.frame["video_id"].to_list() == ["v0", "v2"]
    assert found.refused == {"elsewhere": 1}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (frame().drop("category", "daily_views"), "f has no column category, daily_views"),
        (frame().clear(), "f has no rows"),
        (frame(daily_views=[[1.0]]), "f has no usable row: 1 x fewer than 119 days"),
        (frame().with_columns(daily_views=pl.lit("1,2")), "daily_views holds String"),
        (frame().with_columns(daily_views=pl.lit(["1"])), r"daily_views holds List\(String\)"),
        (frame().with_columns(video_id=pl.lit([1])), r"video_id holds List\(Int"),
    ],
)
def test_a_file_of_no_use_is_an_error(bad: pl.DataFrame, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read(bad, "f")
