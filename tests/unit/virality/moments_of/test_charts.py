"""Charts' files: what can be read, what is left out and counted, what is refused."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from streams.virality.moments_of.charts import UnusableTableError, from_chart

VIDEOS = pl.DataFrame(
    {
        "video_id": ["a", "b", "b", None],
        "channel_id": ["c", "c", "c", "c"],
        "title": ["A", None, "B", "nobody's"],
        "published_at": ["2026-01-01T10:00:00Z"] * 4,
        "category_id": [10, None, 24, 1],
        "lang": ["en", "pt-PT", None, None],
        "desc_len": [5, 0, 7, 1],
        "n_links": [0, 1, 2, 0],
        "n_tags": [2, 0, 0, 0],
        "tags": ["x|y z", "", "", None],
        "first_country": ["BR", "BR", "GR", "US"],
    }
)
SNAPSHOTS = pl.DataFrame(
    {
        "video_id": ["a", "a", "b", "zzz", None],
        "views": [10, 10, None, 3, 4],
        "likes": [1, 1, None, 0, 0],
        "captured_at": [dt.datetime(2026, 1, 2)] * 5,
    }
)


def test_what_a_chart_holds() -> None:
    chart = from_chart(VIDEOS, SNAPSHOTS)
    a, b = chart.videos.to_dicts()
    assert (a["category"], a["language"], a["tags"], a["tag_count"]) == (
        "10",
        "en",
        ["x", "y z"],
        2,
    )
    assert a["published_at"] == dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC)
    assert (b["title"], b["category"], b["tags"], b["description_length"]) == ("B", "24", [], 7)
    assert "first_country" not in chart.videos.columns
    assert chart.observations["at"].unique().to_list() == [dt.datetime(2026, 1, 2, tzinfo=dt.UTC)]
    assert {reason: count for reason, count in chart.refused.items() if count} == {
        "videos without id or time of publication": 1,
        "videos repeated": 1,
        "snapshots without id or time": 1,
        "snapshots of unknown videos": 1,
        "snapshots repeated": 1,
        "snapshots with hidden views": 1,
    }


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_are_read_with_or_without_a_zone(zone: str | None) -> None:
    moment = pl.Series([dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)] * 5)
    times = moment.dt.replace_time_zone(None) if zone is None else moment.dt.convert_time_zone(zone)
    chart = from_chart(VIDEOS, SNAPSHOTS.with_columns(captured_at=times))
    assert chart.observations["at"][0] == moment[0]


@pytest.mark.parametrize("column", ["video_id", "channel_id", "title", "published_at"])
def test_a_missing_column_of_videos_is_named(column: str) -> None:
    with pytest.raises(UnusableTableError, match=f"videos has no column {column}"):
        from_chart(VIDEOS.drop(column), SNAPSHOTS)


@pytest.mark.parametrize("column", ["video_id", "views", "captured_at"])
def test_a_missing_column_of_snapshots_is_named(column: str) -> None:
    with pytest.raises(UnusableTableError, match=f"snapshots has no column {column}"):
        from_chart(VIDEOS, SNAPSHOTS.drop(column))


def test_columns_of_another_kind_are_refused() -> None:
    with pytest.raises(UnusableTableError, match="views in the table of snapshots is String"):
        from_chart(VIDEOS, SNAPSHOTS.with_columns(pl.col("views").cast(pl.String)))
    with pytest.raises(UnusableTableError, match="captured_at in the table of snapshots is Int32"):
        from_chart(VIDEOS, SNAPSHOTS.with_columns(captured_at=pl.lit(1)))


def test_a_negative_count_is_none() -> None:
    chart = from_chart(VIDEOS, SNAPSHOTS.with_columns(views=pl.lit(-5)))
    assert chart.observations["views"].null_count() == chart.observations.height
