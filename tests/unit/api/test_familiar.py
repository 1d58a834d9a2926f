"""The familiar figures: formulas, and reasons in place of zeros."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from api.familiar import FORMULAS, familiar

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def row(**facts: Any) -> dict[str, Any]:
    return {
        "video_id": "v",
        "views": 3_000,
        "published_at": NOON,
        "observed_at": NOON + dt.timedelta(hours=30),
        "subscribers": 1_500,
        "channel_observed": True,
        "usual_n": 9,
        "usual_median": 600.0,
        "around_n": 10,
        "around_mean": 1_000.0,
        "earlier_views": 3_500,
        "earlier_at": NOON + dt.timedelta(hours=5),
        "week_views": 2_000,
        "week_n": 4,
        "week_median": 400.0,
        **facts,
    }


def test_every_figure_has_a_formula_and_is_computed_by_it() -> None:
    figures, reasons = familiar(row())
    assert reasons == {}
    assert {name: value for name, value in figures.items() if name in FORMULAS} == {
        "views_per_median": 5.0,
        "views_per_subscriber_100": 200.0,
        "velocity": 100.0,
        "velocity_24h": -20.0,  # a recount: fewer than before
        "vs_surrounding_10": 3.0,
        "seven_day_multiple": 5.0,
    }


@pytest.mark.parametrize(
    ("facts", "name", "reason"),
    [
        ({"subscribers": None}, "views_per_subscriber_100", "hides"),
        ({"subscribers": None, "channel_observed": False}, "views_per_subscriber_100", "never"),
        ({"subscribers": 0}, "views_per_subscriber_100", "no subscribers"),
        ({"usual_n": 2}, "views_per_median", "only 2"),
        ({"usual_median": 0.0}, "views_per_median", "is 0"),
        ({"observed_at": NOON}, "velocity", "before its publication"),
        ({"earlier_at": None, "earlier_views": None}, "velocity_24h", "12 to 36 h"),
        ({"around_n": 9}, "vs_surrounding_10", "only 9"),
        ({"around_mean": 0.0}, "vs_surrounding_10", "no views"),
        ({"week_views": None}, "seven_day_multiple", "7 days"),
        ({"week_n": 0, "week_median": None}, "seven_day_multiple", "only 0"),
    ],
)
def test_what_cannot_be_computed_is_null_with_its_reason(
    facts: dict[str, Any], name: str, reason: str
) -> None:
    figures, reasons = familiar(row(**facts))
    assert figures[name] is None
    assert reason in reasons[name]
    assert reasons.keys() == {name}


def test_a_hit_without_views_is_zero_times_the_others_and_not_null() -> None:
    figures, reasons = familiar(row(views=0))
    assert (figures["views_per_median"], figures["velocity"], reasons) == (0.0, 0.0, {})


@pytest.mark.parametrize("nothing", [None, row(views=None)])
def test_of_a_video_whose_views_nobody_knows_everything_is_null(
    nothing: dict[str, Any] | None,
) -> None:
    figures, reasons = familiar(nothing)
    assert [name for name in FORMULAS if figures.get(name) is not None] == []
    assert len(reasons) == 6
