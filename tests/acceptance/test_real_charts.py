"""Real files through the whole pipeline: what the API says equals an independent computation.

Equal, not close. The computation is Polars on the files; it shares no code with ingest, agents,
projections or API.
"""

from __future__ import annotations

import json
import random
from typing import Any

import polars as pl
import pytest

from tests.acceptance import independent_outliers
from tests.acceptance.conftest import DATA, Platform

SNAPSHOTS = DATA / "trending_snapshots.parquet"
VIDEOS = DATA / "trending_videos.parquet"
CHANNELS = DATA / "channel_daily_subs.parquet"

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not SNAPSHOTS.exists(),
        reason="the real charts are not beside the repository (../shared/data)",
    ),
]


@pytest.fixture(scope="module")
def snapshots() -> pl.DataFrame:
    videos = pl.read_parquet(VIDEOS).select("video_id", "channel_id", "title", "published_at")
    return (
        pl.read_parquet(SNAPSHOTS)
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
def grown(platform: Platform) -> dict[str, Any]:
    """Ingest everything; by how much the API's totals have grown."""
    before = platform.get("/totals")
    chart = json.loads(
        platform.groundswell("ingest", str(SNAPSHOTS), "--format", "chart", "--json").stdout
    )
    assert chart["rejected"] == 0
    assert chart["by_topic"] == {
        "youtube.video-snapshots.v1": 504_661,
        "video.uploads.v1": 220_370,
    }
    channels = json.loads(
        platform.groundswell("ingest", str(CHANNELS), "--format", "channels", "--json").stdout
    )
    assert channels["by_topic"] == {"youtube.channel-snapshots.v1": 4_628}
    platform.settle(600)
    after = platform.get("/totals")
    return {name: value - before[name] for name, value in after.items() if isinstance(value, int)}


def test_totals_equal_those_of_the_files(grown: dict[str, Any], snapshots: pl.DataFrame) -> None:
    channels = pl.read_parquet(CHANNELS)
    latest = snapshots.unique("video_id", keep="last", maintain_order=True)
    judged = independent_outliers.detections(snapshots, 3.0, 3.0)
    expected = {
        "videos": pl.read_parquet(VIDEOS)["video_id"].n_unique(),
        "snapshots": snapshots.select("video_id", "occurred_at").n_unique(),
        "observed_views": latest["views"].sum(),
        "observed_likes": latest["likes"].sum(),
        "observed_comments": latest["comments"].sum(),
        "channels": pl.concat([snapshots["channel_id"], channels["channel_id"]]).n_unique(),
        "channel_snapshots": channels.select("channel_id", "date_utc").n_unique(),
        "baselines": snapshots["channel_id"].n_unique(),
        "detections": judged.height,
        "outlier_videos": judged["video_id"].n_unique(),
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


def test_every_detection_is_found_and_no_other(
    grown: dict[str, Any], snapshots: pl.DataFrame, platform: Platform
) -> None:
    expected = independent_outliers.detections(snapshots, 3.0, 3.0)
    ours = set(snapshots["channel_id"].unique())
    found: dict[tuple[str, int], Any] = {}
    offset, total = 0, 1
    while offset < total:
        page = platform.get("/outliers", include_uncertain=True, limit=500, offset=offset)
        total = page["total"]
        offset += len(page["items"])
        for item in page["items"]:
            if item["channel_id"] in ours:
                found[item["video_id"], item["age_from_h"]] = item
    exact = (
        "channel_id",
        "views",
        "format",
        "age_s",
        "multiple",
        "z",
        "expected_views",
        "too_recent",
        "insufficient_history",
    )
    wanted = {
        (row["video_id"], row["age_from_h"]): {name: row[name] for name in exact}
        for row in expected.iter_rows(named=True)
    }
    assert {at: {name: item[name] for name in exact} for at, item in found.items()} == wanted
    tails = {
        (r["video_id"], r["age_from_h"]): r["tail_probability"] for r in expected.rows(named=True)
    }
    assert all(
        item["tail_probability"] == pytest.approx(tails[at], rel=1e-9) for at, item in found.items()
    )


def test_channels_equal_those_of_the_file(grown: dict[str, Any], platform: Platform) -> None:
    channels = pl.read_parquet(CHANNELS).sort("date_utc")
    latest = channels.unique("channel_id", keep="last", maintain_order=True)
    for row in random.Random(6).sample(latest.rows(named=True), 60):
        found = platform.get(f"/channels/{row['channel_id']}")
        assert found["title"] == row["channel_title"]
        assert (found["subscribers"], found["views"]) == (row["subscribers"], row["views"])
