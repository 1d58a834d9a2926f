"""Recorded charts as a world."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from infra.youtube_local.charts import SNAPSHOTS, VIDEOS, ChartsError, ChartsWorld
from infra.youtube_local.world import Query

START = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
REAL = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    videos = {
        "video_id": ["v1", "v2", "v3"],
        "channel_id": ["UCa", "UCa", "UCb"],
        "channel_title": ["Ada Plays", "Ada Plays", "Bob"],
        "title": ["A castle", "Another CASTLE game", None],
        "published_at": [START, START + 2 * DAY, START + DAY],
        "category_id": [20, 20, 10],
        "lang": ["en", None, "de"],
        "live": ["none", "none", "none"],
        "tags": ["a|b", "", None],
    }
    pl.DataFrame(videos).write_parquet(tmp_path / VIDEOS)
    naive = START.replace(tzinfo=None)
    snapshots = {
        "video_id": ["v1", "v1", "v2", "v1"],
        "captured_at": [naive + DAY, naive + 2 * DAY, naive + 3 * DAY, naive + 4 * DAY],
        "views": [100, 300, 50, 290],
        "likes": [1, None, 5, 7],
        "comments": [None, 2, 3, 4],
    }
    pl.DataFrame(snapshots).write_parquet(tmp_path / SNAPSHOTS)
    return tmp_path


def test_counts_are_those_last_seen(directory: Path) -> None:
    world = ChartsWorld(directory)

    views = [world.videos(["v1"], START + at * DAY)[0].views for at in (0, 1, 3, 4, 400)]

    assert views == [100, 100, 300, 290, 290]
    assert world.videos(["v1"], START + 2 * DAY)[0].likes is None
    assert world.videos(["v3"], START + 9 * DAY)[0].views is None  # never seen
    assert world.counts("UCa", START + 9 * DAY).views == 340


def test_what_is_not_published_yet_is_absent(directory: Path) -> None:
    world = ChartsWorld(directory)

    total, uploads = world.uploads("UCa", START + DAY, 0, 50)
    assert (total, [video.video_id for video in uploads]) == (1, ["v1"])
    total, uploads = world.uploads("UCa", START + 5 * DAY, 0, 50)
    assert (total, [video.video_id for video in uploads]) == (2, ["v2", "v1"])
    assert world.videos(["v2", "absent"], START + DAY) == []
    assert world.channels(["UCb"], START) == []


def test_a_search_looks_at_titles_in_any_case(directory: Path) -> None:
    world, now = ChartsWorld(directory), START + 9 * DAY

    found = world.search_videos(Query("castle game"), now)
    assert [video.video_id for video in found] == ["v2", "v1"]
    assert world.search_videos(Query("castle", channel_id="UCb"), now) == []
    assert [c.channel_id for c in world.search_channels(Query("plays"), now)] == ["UCa"]
    early = world.search_videos(Query("castle", before=START + DAY), now)
    assert [video.video_id for video in early] == ["v1"]


def test_a_directory_without_the_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChartsError, match=r"has no trending_videos\.parquet"):
        ChartsWorld(tmp_path)
    for name in (VIDEOS, SNAPSHOTS):
        (tmp_path / name).write_bytes(b"no table")
    with pytest.raises(ChartsError, match="cannot be read"):
        ChartsWorld(tmp_path)


@pytest.mark.data
def test_the_real_charts() -> None:
    if not (REAL / VIDEOS).is_file():
        pytest.skip(f"no real data in {REAL}")
    world, now = ChartsWorld(REAL), dt.datetime(2026, 7, 1, tzinfo=dt.UTC)

    channel = world.search_channels(Query("gaming"), now)[0]
    _, uploads = world.uploads(channel.channel_id, now, 0, 50)

    assert uploads
    assert world.videos([video.video_id for video in uploads], now) == uploads
    assert any(video.views for video in uploads)
