"""A shadow is judged on the predictions that the model that served made, once actuals come."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from streams.virality.registry.shadow import PAIR, judged

AT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


def pair(number: int, actual: int, **facts: Any) -> dict[str, Any]:
    """The model that served says 999 (99 to 9,999), the shadow 9,999 (999 to 99,999)."""
    return {
        "prediction_id": f"p{number}",
        "video_id": f"v{number}",
        "at": AT + dt.timedelta(hours=number),
        "horizon_h": 24.0,
        "serving": "one",
        "serving_predicted": 999.0,
        "serving_lower": 99.0,
        "serving_upper": 9_999.0,
        "shadow_predicted": 9_999.0,
        "shadow_lower": 999.0,
        "shadow_upper": 9_999.0,
        "actual": actual,
        **facts,
    }


def pairs(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=PAIR, orient="row")


def test_both_are_judged_by_the_same_actuals() -> None:
    [found] = judged(pairs(pair(1, 999), pair(2, 9_999), pair(3, 9)))

    assert (found.serving, found.predictions) == ("one", 3)
    assert (found.since, found.until) == (AT + dt.timedelta(hours=1), AT + dt.timedelta(hours=3))
    assert found.of_serving.mae == pytest.approx((0 + 1 + 2) / 3)
    assert found.of_shadow.mae == pytest.approx((1 + 0 + 3) / 3)
    assert found.of_serving.coverage == pytest.approx(2 / 3)
    assert found.of_shadow.coverage == pytest.approx(2 / 3)
    assert (found.of_serving.width, found.of_shadow.width) == pytest.approx((100, 10))
    assert found.comparison.difference == pytest.approx(1 / 3)
    assert not found.comparison.enough


def test_enough_videos_tell_which_is_better() -> None:
    better = [pair(number, 9_999) for number in range(60)]
    [found] = judged(pairs(*better))
    assert found.comparison.better
    assert found.as_json()["comparison"]["better"]

    # Of one video a hundred predictions are one; of none each is its own.
    [same] = judged(pairs(*(pair(n, 9_999, video_id="v") for n in range(100))))
    assert (same.predictions, same.comparison.videos) == (100, 1)
    [unknown] = judged(pairs(*(pair(n, 9_999, video_id=None) for n in range(60))))
    assert unknown.comparison.videos == 60


def test_each_model_that_served_meanwhile_has_a_record_of_its_own() -> None:
    found = judged(pairs(pair(1, 9, serving="old"), pair(2, 9), pair(3, 9)))
    assert [(one.serving, one.predictions) for one in found] == [("one", 2), ("old", 1)]
    assert judged(pairs()) == []
