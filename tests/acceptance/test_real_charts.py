"""Real files through the whole pipeline: what the API says equals an independent computation.

The computation is Polars and plain Python on the files; it shares no code with ingest, agents,
projections or API. Outliers are computed again for some of the channels.
"""

from __future__ import annotations

import json
import random
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.acceptance.conftest import DATA, Platform
from tests.acceptance.independent_outliers import Curves, Recount

SNAPSHOTS = "trending_snapshots.parquet"
VIDEOS = "trending_videos.parquet"
CHANNELS = DATA / "channel_daily_subs.parquet"
RECOUNTED = 250  # channels
# The last character but one of a channel's id is any of 64, as good as by chance.
EIGHTH = "ABCDEFGH"

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (DATA / SNAPSHOTS).exists(),
        reason="the real charts are not beside the repository (../shared/data)",
    ),
]


@pytest.fixture(
    scope="module",
    params=[EIGHTH, pytest.param("", marks=pytest.mark.slow)],
    ids=["an eighth of the channels", "all"],
)
def charts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the charts, or with what they say of some channels."""
    if not request.param:
        return DATA
    folder = tmp_path_factory.mktemp("charts")
    videos = pl.read_parquet(DATA / VIDEOS).filter(
        pl.col("channel_id").str.slice(-2, 1).is_in(list(request.param))
    )
    videos.write_parquet(folder / VIDEOS)
    some = pl.read_parquet(DATA / SNAPSHOTS).join(videos, on="video_id", how="semi")
    some.write_parquet(folder / SNAPSHOTS)
    return folder


@pytest.fixture(scope="module")
def snapshots(charts: Path) -> pl.DataFrame:
    videos = pl.read_parquet(charts / VIDEOS).select(
        "video_id",
        "channel_id",
        "title",
        "published_at",
        pl.col("category_id").cast(pl.String).alias("category"),
    )
    return (
        pl.read_parquet(charts / SNAPSHOTS)
        .join(videos, on="video_id")
        .with_columns(
            pl.col("captured_at").dt.replace_time_zone("UTC").alias("occurred_at"),
            pl.lit(None, pl.Int32).alias("duration_s"),
        )
        .sort("occurred_at", maintain_order=True)
        .with_row_index("order")
        .with_columns(pl.col("order").cast(pl.Int64))
    )


@pytest.fixture(scope="module")
def grown(platform: Platform, charts: Path) -> dict[str, Any]:
    """Ingest everything; by how much the API's totals have grown."""
    before = platform.get("/totals")
    chart = json.loads(
        platform.groundswell(
            "ingest", str(charts / SNAPSHOTS), "--format", "chart", "--json"
        ).stdout
    )
    assert chart["rejected"] == 0
    rows = {name: len(pl.read_parquet(charts / name)) for name in (SNAPSHOTS, VIDEOS)}
    assert chart["by_topic"] == {
        "youtube.video-snapshots.v1": rows[SNAPSHOTS],
        "video.uploads.v1": rows[VIDEOS],
    }
    channels = json.loads(
        platform.groundswell("ingest", str(CHANNELS), "--format", "channels", "--json").stdout
    )
    assert channels["by_topic"] == {"youtube.channel-snapshots.v1": 4_628}
    platform.settle(600)
    after = platform.get("/totals")
    return {name: value - before[name] for name, value in after.items() if isinstance(value, int)}


def test_totals_equal_those_of_the_files(
    grown: dict[str, Any], snapshots: pl.DataFrame, charts: Path
) -> None:
    channels = pl.read_parquet(CHANNELS)
    latest = snapshots.unique("video_id", keep="last", maintain_order=True)
    expected = {
        "videos": pl.read_parquet(charts / VIDEOS)["video_id"].n_unique(),
        "snapshots": snapshots.select("video_id", "occurred_at").n_unique(),
        "observed_views": latest["views"].sum(),
        "observed_likes": latest["likes"].sum(),
        "observed_comments": latest["comments"].sum(),
        "channels": pl.concat([snapshots["channel_id"], channels["channel_id"]]).n_unique(),
        "channel_snapshots": channels.select("channel_id", "date_utc").n_unique(),
        "baselines": snapshots["channel_id"].n_unique(),
    }
    assert {name: grown[name] for name in expected} == expected


def test_latest_counts_equal_those_of_the_files(
    grown: dict[str, Any], snapshots: pl.DataFrame, platform: Platform
) -> None:
    latest = snapshots.unique("video_id", keep="last", maintain_order=True)
    hidden = latest.filter(pl.col("likes").is_null() | pl.col("views").is_null())
    some = random.Random(5)
    rows = some.sample(latest.rows(named=True), 250) + some.sample(hidden.rows(named=True), 50)
    wrong = []
    for row in rows:
        found = platform.get(f"/videos/{row['video_id']}")
        wanted = {name: row[name] for name in ("title", "channel_id", "views", "likes", "comments")}
        if {name: found[name] for name in wanted} != wanted:
            wrong.append((found, wanted))
    assert not wrong


@pytest.fixture(scope="module")
def recount(snapshots: pl.DataFrame) -> Recount:
    """Some channels that have been seen often enough to be judged."""
    videos = snapshots.group_by("channel_id").agg(pl.col("video_id").n_unique()).sort("channel_id")
    often = videos.filter(pl.col("video_id").is_between(4, 60))["channel_id"]
    some = snapshots.filter(pl.col("channel_id").is_in(often.sample(RECOUNTED, seed=11).implode()))
    shipped = resources.files("streams.outliers.model") / "default.json"
    curves = Curves(shipped.read_text("utf-8"))
    return Recount(curves, 3.0, 0.01).take(some.iter_rows(named=True))


def test_every_outlier_that_stands_is_found_and_no_other(
    grown: dict[str, Any], recount: Recount, platform: Platform
) -> None:
    found: dict[str, Any] = {}
    offset, total = 0, 1
    while offset < total:
        page = platform.get("/outliers", include_uncertain=True, limit=500, offset=offset)
        total = page["total"]
        offset += len(page["items"])
        found |= {
            item["video_id"]: item
            for item in page["items"]
            if item["channel_id"] in recount.channels
        }
    names = (
        *("channel_id", "views", "format", "age_s", "too_recent", "insufficient_history"),
        *("multiple", "z", "expected_views", "tail_probability"),
    )
    stands = {
        video
        for channel in recount.channels.values()
        for video, story in channel.videos.items()
        if story.standing
    }
    # The last that was said of each.
    last = {one["video_id"]: one for one in recount.detections if one["video_id"] in stands}
    assert len(last) > 5
    assert found.keys() == last.keys()
    for video, one in last.items():
        wanted = {
            name: pytest.approx(one[name], rel=1e-9) if isinstance(one[name], float) else one[name]
            for name in names
        }
        assert {name: found[video][name] for name in names} == wanted


def test_channels_equal_those_of_the_file(grown: dict[str, Any], platform: Platform) -> None:
    channels = pl.read_parquet(CHANNELS).sort("date_utc")
    latest = channels.unique("channel_id", keep="last", maintain_order=True)
    for row in random.Random(6).sample(latest.rows(named=True), 60):
        found = platform.get(f"/channels/{row['channel_id']}")
        assert found["title"] == row["channel_title"]
        assert (found["subscribers"], found["views"]) == (row["subscribers"], row["views"])
