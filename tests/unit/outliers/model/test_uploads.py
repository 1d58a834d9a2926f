"""Files of uploads: what is usable of them, and what is said of the rest."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from streams.outliers.model.errors import EvaluationError
from streams.outliers.model.uploads import uploads_of

NEWEST = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def table(**columns: Any) -> pl.DataFrame:
    """Three good uploads, and what is said of columns."""
    return pl.DataFrame(
        {
            "channel_id": ["a", "a", "b"],
            "video_id": ["1", "2", "3"],
            "published": ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T12:00:00Z"],
            "views": [10, 99, 5],
            **columns,
        },
        strict=False,
    )


def test_the_newest_upload_is_the_moment_and_itself_too_young() -> None:
    found = uploads_of(table())

    assert found.seen_at == NEWEST
    assert found.left_out == {"younger than 48 h": 1}
    assert found.videos["video_id"].to_list() == ["1", "2"]
    assert found.videos["place"].to_list() == [0, 1]
    assert found.videos["age_h"].to_list() == [(31 + 28) * 24 + 12, 28 * 24 + 12]
    assert found.videos["x"][1] == pytest.approx(2)


def test_the_moment_may_be_told() -> None:
    found = uploads_of(table(), NEWEST + dt.timedelta(days=4))

    assert found.left_out == {}
    assert found.videos["age_h"].min() == 96


@pytest.mark.parametrize(
    "published",
    [
        ["2026-01-01", "2026-02-01 00:00:00 UTC", "2026-03-01T12:00"],
        ["2026-01-01 00:00:00", "2026-02-01T01:00:00+01:00", "2026-03-01T12:00:00.000Z"],
        [dt.datetime(2026, 1, 1), dt.datetime(2026, 2, 1), dt.datetime(2026, 3, 1, 12)],
        [
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
            NEWEST.astimezone(dt.timezone(dt.timedelta(hours=-7))),
        ],
    ],
)
def test_times_are_read_as_people_write_them(published: list[Any]) -> None:
    found = uploads_of(table(published=published))

    assert found.seen_at == NEWEST
    assert found.videos["published"].to_list() == [
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
    ]


def test_within_an_hour_clocks_may_differ() -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=50)
    found = uploads_of(table(published=[NEWEST, NEWEST, soon]))

    assert found.seen_at == soon


def test_dates_will_do() -> None:
    days = [dt.date(2026, 1, 1), dt.date(2026, 2, 1), dt.date(2026, 3, 1)]

    assert uploads_of(table(published=days)).videos.height == 2


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"views": [10, None, 5]}, "views hidden or no number"),
        ({"views": ["10", "many", "5"]}, "views hidden or no number"),
        ({"views": [10.0, float("nan"), 5.0]}, "views hidden or no number"),
        ({"views": [10.0, float("inf"), 5.0]}, "views hidden or no number"),
        ({"views": [10, -1, 5]}, "negative views"),
        ({"video_id": ["1", "1", "3"]}, "repeated video_id"),
        ({"video_id": ["1", None, "3"]}, "no channel_id or video_id"),
        ({"channel_id": ["a", "", "b"]}, "no channel_id or video_id"),
        ({"published": ["2026-01-01", "soon", "2026-03-01"]}, "published is no time"),
        ({"published": ["2026-01-01", "2999-12-31", "2026-03-01"]}, "published in the future"),
        ({"published": ["2026-01-01", None, "2026-03-01"]}, "published is no time"),
    ],
)
def test_bad_rows_are_left_out_and_counted(columns: dict[str, Any], reason: str) -> None:
    found = uploads_of(table(**columns))

    assert found.left_out == {reason: 1, "younger than 48 h": 1}
    assert found.videos.height == 1


def test_of_a_repeated_video_the_highest_count_stays() -> None:
    found = uploads_of(table(video_id=["1", "1", "3"]))

    assert found.videos["views"].to_list() == [99]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (table().drop("views", "published"), "no column published, views; wanted are channel_id"),
        (table().head(0), "no rows"),
        (table(published=[1, 2, 3]), "published should be a time.*not Int64"),
        (table(views=[dt.date(2026, 1, 1)] * 3), "views should be a number, not Date"),
        (table(channel_id=[["a"], ["b"], ["c"]]), "channel_id should be text, not List"),
        (table(views=[-1, -2, None]), "no row of the uploads is usable: 1 views hidden"),
    ],
)
def test_what_cannot_be_used_is_told_in_words(bad: pl.DataFrame, said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        uploads_of(bad)
