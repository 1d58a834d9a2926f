"""The day of the quota, on days of 23, 24 and 25 hours."""

from __future__ import annotations

import datetime as dt

import pytest

from streams.outliers.youtube.pacific import last_midnight, next_midnight, quota_day


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("begins", "ends", "hours"),
    [
        ("2026-03-08T08:00Z", "2026-03-09T07:00Z", 23),  # summer time begins
        ("2026-11-01T07:00Z", "2026-11-02T08:00Z", 25),  # and ends
        ("2026-07-14T07:00Z", "2026-07-15T07:00Z", 24),
        ("2026-12-31T08:00Z", "2027-01-01T08:00Z", 24),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight_there(begins: str, ends: str, hours: int) -> None:
    begin, end = at(begins), at(ends)
    assert end - begin == dt.timedelta(hours=hours)
    second = dt.timedelta(seconds=1)
    for moment in (begin, begin + second, end - second):
        assert quota_day(moment) == begin.date()
        assert (last_midnight(moment), next_midnight(moment)) == (begin, end)
    assert quota_day(begin - second) == begin.date() - dt.timedelta(days=1)
    assert last_midnight(end) == end


def test_it_is_the_same_moment_whatever_zone_it_is_written_in() -> None:
    moment = dt.datetime(2026, 7, 14, 3, 30, tzinfo=dt.timezone(dt.timedelta(hours=9)))
    assert quota_day(moment) == dt.date(2026, 7, 13)
    assert next_midnight(moment) == at("2026-07-14T07:00Z")
