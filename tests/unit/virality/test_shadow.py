"""A shadow says what it would have said, and is judged on the same rows."""

from __future__ import annotations

import polars as pl
import pytest

from streams.virality.models.forecaster import Forecaster
from streams.virality.registry.shadow import beside, judged
from tests.unit.virality.bundles import made
from tests.unit.virality.moments import count, frame, moment


def model(version: str, before: float) -> Forecaster:
    return Forecaster(version, made(before=before))


def actuals(views: int, *videos: str) -> pl.DataFrame:
    return pl.DataFrame(
        [{"video_id": video, "horizon_h": 24.0, "actual": views} for video in videos],
        schema={"video_id": pl.String, "horizon_h": pl.Float64, "actual": pl.Int64},
    )


def test_both_say_what_they_expect_of_what_is_to_come() -> None:
    moments = frame(moment(video_id="a"), moment([count(200, 10)], video_id="b"))
    said = beside(model("one", 4.0), model("two", 5.0), moments)

    assert said.group_by("role", "video_id").len().sort("role", "video_id").rows() == [
        ("serving", "a", 3), ("serving", "b", 1), ("shadow", "a", 3), ("shadow", "b", 1),
    ]  # fmt: skip
    day = said.filter(video_id="a", horizon_h=24.0).sort("role")
    assert day["predicted"].to_list() == pytest.approx([9_999, 99_999])
    assert day["model_version"].to_list() == ["one", "two"]
    assert set(beside(model("one", 4.0), None, moments)["role"]) == {"serving"}


def test_errors_are_known_when_actuals_come() -> None:
    said = beside(model("one", 4.0), model("two", 5.0), frame(moment(video_id="a")))
    told = judged(said, actuals(9_999, "a", "another")).sort("role")

    assert told["rows"].to_list() == [1, 1]
    assert told["mae"].to_list() == pytest.approx([0.0, 1.0])
    assert told["coverage"].to_list() == [1.0, 0.0]
    assert told["width"].to_list() == pytest.approx([10.0, 10.0])
    assert judged(said, actuals(1)).is_empty()


def test_only_what_both_forecast_is_compared() -> None:
    early = beside(model("one", 4.0), None, frame(moment(video_id="a")))
    later = beside(model("one", 4.0), model("two", 5.0), frame(moment(video_id="b")))
    told = judged(pl.concat([early, later, later]), actuals(9_999, "a", "b"))

    assert told["rows"].to_list() == [1, 1]
