"""What a request asks: the moment, and which of its fields count."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ApiError
from api.predictions.answers import accuracy, expected_at, quality
from api.predictions.asked import Asked, read
from api.predictions.desk import rows_of
from api.routes.analytics import just_made
from api.shapes.predictions import PredictionRequest
from schemas.publisher import new_event_id
from streams.virality.features import feature_table
from streams.virality.moments import MOMENT

NOW = dt.datetime(2026, 5, 10, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def asked(known: dict[str, Any] | None = None, seen: Any = (), **facts: Any) -> Asked:
    request = {"title": "A title", "duration": 300, "upload_date": "2026-05-09", **facts}
    return read(PredictionRequest(**request), NOW, known, seen)


def observation(at: dt.datetime, views: int) -> dict[str, Any]:
    return {"at": at, "views": views, "likes": None, "comments": None}


def features(one: Asked) -> dict[str, Any]:
    return feature_table(rows_of([one.moment(())]), 168.0).row(0, named=True)


@given(
    likes=st.none() | st.integers(0, 10**9),
    dislikes=st.none() | st.integers(0, 10**9),
    comments=st.none() | st.integers(0, 10**9),
    observed_at=st.none() | st.datetimes(dt.datetime(2026, 5, 1), dt.datetime(2026, 5, 9)),
)
def test_no_count_moves_what_is_known_before_publication(
    likes: Any, dislikes: Any, comments: Any, observed_at: Any
) -> None:
    counts = {"like_count": likes, "dislike_count": dislikes, "comment_count": comments}
    told = {name: value for name, value in counts.items() if value is not None}
    one = asked(**told, observed_at=observed_at)
    assert one.moment(()) == asked().moment(())
    assert set(one.ignored) == {*told, *({"observed_at"} if observed_at else ())}
    assert len(one.ignored) == len(set(one.ignored))
    assert features(one) == features(asked())


@given(st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1)))
def test_the_clock_is_in_no_answer_before_publication(clock: dt.datetime) -> None:
    request = PredictionRequest(title="A", duration=1, upload_date="2026-05-09")
    one = read(request, clock.replace(tzinfo=dt.UTC), None, ())
    assert one.at == one.published_at == dt.datetime(2026, 5, 9, 12, tzinfo=dt.UTC)
    assert one.history_until == min(one.at, clock.replace(tzinfo=dt.UTC))


def test_nothing_later_than_the_moment_is_in_it() -> None:
    known = {"published_at": NOW - 50 * HOUR, "channel_id": "c", "category": "10", "language": "en"}
    seen = [observation(NOW - hours * HOUR, 100 - hours) for hours in (60, 40, 30, 20, 10)]
    one = asked(known, seen, view_count=70, observed_at=(NOW - 20 * HOUR).isoformat())
    assert (one.published_at, one.at) == (NOW - 50 * HOUR, NOW - 20 * HOUR)
    assert one.history_until == one.at
    # The first is of before publication, of the fourth's instant the request has its own count.
    assert [row["views"] for row in one.observed] == [60, 70, 70]
    assert (one.channel_id, one.category, one.language) == ("c", "10", "en")
    without = asked(known, seen)
    assert (without.at, len(without.observed)) == (NOW - 10 * HOUR, 4)


@pytest.mark.parametrize(
    ("facts", "published"),
    [
        ({}, dt.time(12)),
        ({"upload_time": "18:30"}, dt.time(18, 30)),
        ({"upload_time": "18:30:15"}, dt.time(18, 30, 15)),
        ({"view_count": 5, "observed_at": "2026-05-09T11:00:00Z"}, dt.time(0)),
        ({"view_count": 5, "observed_at": "2026-05-09T13:00:00Z"}, dt.time(12)),
        ({"view_count": 5}, dt.time(12)),
    ],
)
def test_the_time_of_publication_is_assumed_where_it_is_not_told(
    facts: dict[str, Any], published: dt.time
) -> None:
    one = asked(**facts)
    assert one.published_at.time() == published
    assert ("upload_time" in facts) is not any("assumed" in note for note in one.notes)


@pytest.mark.parametrize(
    ("age_h", "asked_for", "taken"),
    [(1, None, "7d"), (1, "24h", "24h"), (167, None, "7d"), (168, None, "30d"), (25, "30d", "30d")],
)
def test_the_horizon_is_an_age_to_come(age_h: int, asked_for: str | None, taken: str) -> None:
    horizon = {} if asked_for is None else {"horizon": asked_for}
    observed = {"upload_date": "2026-03-01", "upload_time": "00:00", "view_count": 5}
    at = dt.datetime(2026, 3, 1, tzinfo=dt.UTC) + age_h * HOUR
    one = asked(**observed, **horizon, observed_at=at.isoformat())
    assert one.horizon == taken
    assert one.due_at > one.at


@pytest.mark.parametrize(("age_h", "asked_for"), [(24, "24h"), (168, "7d"), (720, None)])
def test_an_age_that_has_passed_is_refused(age_h: int, asked_for: str | None) -> None:
    horizon = {} if asked_for is None else {"horizon": asked_for}
    observed = {"upload_date": "2026-03-01", "upload_time": "00:00", "view_count": 5}
    at = dt.datetime(2026, 3, 1, tzinfo=dt.UTC) + age_h * HOUR
    with pytest.raises(ApiError, match="old"):
        asked(**observed, **horizon, observed_at=at.isoformat())


def test_a_moment_has_the_columns_of_all_moments() -> None:
    one = asked(description="see https://example.com", tags="a, b", view_count=3)
    frame = rows_of([one.moment(()), asked().moment(())])
    assert frame.schema == MOMENT
    assert frame["description_length"].to_list() == [23, None]
    assert frame["links"].to_list() == [1, None]
    assert frame["tag_count"].to_list() == [2, None]
    assert frame["observed"].list.len().to_list() == [1, 0]


@pytest.mark.parametrize(
    ("lower", "upper", "known", "said"),
    [
        (100, 399, True, "High"),
        (100, 399, False, "Medium"),
        (100, 400, True, "Medium"),
        (100, 1599, False, "Medium"),
        (100, 1600, True, "Low"),
        (1_000_000, 20_000_000, True, "Low"),  # the size of the guess is no quality
        (0, 3, True, "High"),
    ],
)
def test_quality_is_of_the_band_and_of_what_is_known(
    lower: int, upper: int, known: bool, said: str
) -> None:
    assert quality(lower, upper, something_known=known) == said


@given(st.floats(0, 1e12), st.floats(1, 100))
def test_a_band_in_whole_views_holds_the_band_and_its_middle(middle: float, by: float) -> None:
    name = "predicted_views_7d"
    views = {name: middle, f"{name}_lower": middle / by, f"{name}_upper": middle * by}
    found = expected_at(views, "7d")
    assert found is not None
    assert found.confidence_lower <= found.predicted_views <= found.confidence_upper
    assert found.confidence_lower <= middle / by
    assert found.confidence_upper >= middle * by
    assert expected_at({**views, name: None}, "7d") is None


@pytest.mark.parametrize(
    ("predicted", "actual", "figure"),
    [(100, 100, 1), (50, 100, 0.5), (150, 100, 0.5), (300, 100, 0), (0, 0, 1), (1, 0, 0)],
)
def test_accuracy_is_one_less_the_share_of_the_error(
    predicted: float, actual: int, figure: float
) -> None:
    assert accuracy(predicted, actual) == figure


def test_only_young_ids_are_waited_for() -> None:
    assert just_made(new_event_id())
    assert not just_made("018bcfe5-6800-7000-8000-000000000000")  # of November 2023
    assert not just_made("6f1f2f5e-6d53-4d5c-9a0e-0b8d6d5b7a10")
    assert not just_made("none")


def test_frames_of_moments_do_not_depend_on_their_neighbours() -> None:
    rows = [asked(title="x" * n).moment(()) for n in range(1, 6)]
    whole = feature_table(rows_of(rows), 168.0)
    alone = pl.concat([feature_table(rows_of([row]), 168.0) for row in rows])
    assert whole.equals(alone)
