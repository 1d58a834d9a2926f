"""Reads of tables that the projections' own folds have filled."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from schemas.agents import AGENTS
from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    OUTLIER_BASELINES,
    OUTLIER_DETECTIONS,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
    VIRALITY_SCORES,
)
from tests.integration.api.conftest import Api, moment

Make = Callable[[str], str]


def upload(video: str, channel: str, **facts: Any) -> dict[str, Any]:
    return {
        "event_id": f"u-{video}",
        "occurred_at": moment(9000),
        "video_id": video,
        "channel_id": channel,
        "title": f"Title of {video}",
        "description": None,
        "duration_s": 61,
        "category": "Music",
        "language": "en",
        "tags": ["a"],
        "published_at": moment(9000),
        **facts,
    }


def snapshot(video: str, channel: str, views: int, ago: float, **facts: Any) -> dict[str, Any]:
    return {
        "event_id": f"s-{video}-{ago}",
        "occurred_at": moment(ago),
        "video_id": video,
        "channel_id": channel,
        "title": f"Title of {video}",
        "published_at": moment(9000),
        "duration_s": 61,
        "category": "Music",
        "views": views,
        "likes": 7,
        "comments": None,
        **facts,
    }


def score(video: str, as_of: dt.datetime, views_1h: float, **facts: Any) -> dict[str, Any]:
    return {
        "video_id": video,
        "channel_id": "c",
        "as_of": as_of,
        **dict.fromkeys(
            ("views", "likes", "dislikes", "comments", "shares", "saves", "impressions"), 10
        ),
        "watch_ms": 1000,
        "unique_viewers": 4,
        "viewers": b"\x01\x02",
        "views_1h": views_1h,
        "views_6h": views_1h * 3,
        "views_24h": views_1h * 6,
        "views_7d": views_1h * 9,
        "score": 50.0,
        "velocity": views_1h / 2,
        "acceleration": 1.0,
        **{
            f"predicted_views_{age}{end}": None
            for age in ("24h", "7d", "30d")
            for end in ("", "_lower", "_upper")
        },
        "model_version": "m1",
        "reasons": ["because"],
        "applied_offset": 5,
        "generation": 1,
        **facts,
    }


def detection(video: str, channel: str, **facts: Any) -> dict[str, Any]:
    return {
        "event_id": f"d-{video}",
        "occurred_at": moment(100),
        "video_id": video,
        "channel_id": channel,
        "title": "An outlier",
        "format": "short",
        "published_at": moment(90000),
        "age_s": 89900,
        "age_from_h": 24,
        "views": 9000,
        "expected_views": 900.0,
        "multiple": 10.0,
        "z": 5.0,
        "tail_probability": 0.001,
        "too_recent": False,
        "insufficient_history": False,
        "baseline_n": 9,
        "baseline_median_log10": 2.95,
        "baseline_mad_log10": 0.1,
        "source_partition": 0,
        "source_offset": 1,
        **facts,
    }


def test_an_observed_video_has_its_metadata_and_newest_counts(api: Api, unique: Make) -> None:
    video, channel = unique("v"), unique("c")
    api.fold("videos", VIDEO_UPLOADS, upload(video, channel))
    api.fold(
        "videos",
        VIDEO_SNAPSHOTS,
        snapshot(video, channel, 500, ago=100),
        snapshot(video, channel, 200, ago=800),
    )
    body = api.client.get(f"/api/v1/videos/{video}").json()
    assert body["origin"] == "observed"
    assert (body["views"], body["likes"], body["comments"], body["snapshots"]) == (500, 7, None, 2)
    assert (body["title"], body["tags"], body["duration_s"]) == (f"Title of {video}", ["a"], 61)


def test_lists_of_videos_page_by_cursor_and_by_offset(api: Api, unique: Make) -> None:
    channel = unique("c")
    videos = [unique("v") for _ in range(5)]
    api.fold(
        "videos",
        VIDEO_UPLOADS,
        *(
            upload(video, channel, published_at=moment(1000 + rank))
            for rank, video in enumerate(videos)
        ),
    )
    seen, cursor = [], None
    while True:
        query: dict[str, str | int] = {"channel_id": channel, "limit": 2}
        if cursor:
            query["cursor"] = cursor
        page = api.client.get("/api/v1/videos", params=query).json()
        assert page["total"] == 5
        seen += [item["video_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == videos
    second = api.client.get(f"/api/v1/channels/{channel}/videos?limit=2&offset=2").json()
    assert [item["video_id"] for item in second["items"]] == videos[2:4]
    assert api.client.get(f"/api/v1/videos/?channel_id={channel}").json()["total"] == 5


def test_decayed_figures_are_shown_as_of_and_now(api: Api, unique: Make) -> None:
    video, as_of = unique("v"), moment(7200)
    api.fold("virality", VIRALITY_SCORES, score(video, as_of, 100.0))
    body = api.client.get(f"/api/v1/virality/{video}").json()
    assert body["at_as_of"]["views_1h"] == 100.0
    assert body["now"]["views_1h"] == pytest.approx(100 * math.exp(-2), rel=0.02)
    assert body["now"]["velocity"] == pytest.approx(50 * math.exp(-2 / 6), rel=0.02)
    assert body["reasons"] == ["because"]
    assert (body["views"], body["unique_viewers"]) == (10, 4)
    assert "viewers" not in body
    history = api.client.get(f"/api/v1/virality/{video}/history").json()
    assert (history["total"], history["items"][0]["score"]) == (1, 50.0)


def test_the_top_list_ranks_by_what_is_left_now(api: Api, unique: Make) -> None:
    fresh, stale, ancient = unique("v"), unique("v"), unique("v")
    category = unique("category")
    for video in (fresh, stale, ancient):
        api.fold("videos", VIDEO_UPLOADS, upload(video, "c", category=category))
    api.fold(
        "virality",
        VIRALITY_SCORES,
        score(stale, moment(4 * 3600), 1000.0),
        score(ancient, moment(20 * 365 * 86400), 1e9),
        score(fresh, moment(60), 100.0),
    )
    hour = api.client.get(f"/api/v1/virality/top?window=1h&category={category}").json()
    assert [item["video_id"] for item in hour["items"]] == [fresh, stale, ancient]
    assert [item["rank"] for item in hour["items"]] == [1, 2, 3]
    assert hour["items"][2]["views_in_window"] == 0.0
    week = api.client.get(f"/api/v1/virality/top?window=7d&category={category}").json()
    assert [item["video_id"] for item in week["items"]] == [stale, fresh, ancient]
    assert week["total"] == 3
    assert week["items"][0]["sparkline"] == [500.0]
    assert [item["unique_viewers"] for item in week["items"]] == [4, 4, 4]
    assert api.client.get("/api/v1/virality/top?window=2h").status_code == 422


def test_uncertain_outliers_are_left_out_unless_asked_for(api: Api, unique: Make) -> None:
    channel, sure, early = unique("c"), unique("v"), unique("v")
    api.fold(
        "outliers",
        OUTLIER_DETECTIONS,
        detection(sure, channel),
        detection(early, channel, too_recent=True, multiple=30.0),
    )
    path = f"/api/v1/outliers?channel_id={channel}"

    def found(query: str = "") -> list[str]:
        page = api.client.get(path + query).json()
        assert page["total"] == len(page["items"])
        return [item["video_id"] for item in page["items"]]

    assert found() == [sure]
    assert sorted(found("&include_uncertain=true")) == sorted([sure, early])
    assert found("&include_uncertain=true&min_multiple=20") == [early]
    assert found("&format=long") == []
    assert found("&since=2100-01-01T00:00:00Z") == []
    assert found("&include_uncertain=true&sort=multiple") == [early, sure]


def test_a_channel_shows_its_counts_baseline_and_outliers(api: Api, unique: Make) -> None:
    channel, video = unique("c"), unique("v")
    api.fold(
        "channels",
        CHANNEL_SNAPSHOTS,
        {
            "event_id": unique("e"),
            "occurred_at": moment(50),
            "channel_id": channel,
            "title": "The channel",
            "subscribers": 1000,
            "views": None,
            "videos": 4,
        },
    )
    api.fold(
        "channels",
        OUTLIER_BASELINES,
        {
            "channel_id": channel,
            "as_of": moment(40),
            "snapshots": 12,
            "baselines": [
                {
                    "format": "long",
                    "age_from_h": 24,
                    "n": 6,
                    "median_log10_views": 3.0,
                    "mad_log10_views": 0.2,
                    "scale_log10": 0.3,
                    "df": 7.5,
                },
                {
                    "format": "short",
                    "age_from_h": 24,
                    "n": 1,
                    "median_log10_views": 0.0,
                    "mad_log10_views": 0.0,
                },
            ],
            "applied_offset": 12,
            "generation": 1,
        },
    )
    api.fold("videos", VIDEO_UPLOADS, upload(video, channel))
    api.fold("outliers", OUTLIER_DETECTIONS, detection(video, channel))
    body = api.client.get(f"/api/v1/channels/{channel}").json()
    assert (body["title"], body["subscribers"], body["views"]) == ("The channel", 1000, None)
    assert (body["known_videos"], body["outliers"]) == (1, 1)
    usual, old = api.client.get(f"/api/v1/channels/{channel}/baseline").json()["baselines"]
    assert (usual["format"], usual["n"], usual["median_views"]) == ("long", 6, 999.0)
    assert (usual["scale_log10"], usual["df"]) == (0.3, 7.5)
    assert (old["median_views"], old["scale_log10"], old["df"]) == (0, None, None)
    page = api.client.get("/api/v1/channels?limit=500").json()
    assert channel in [item["channel_id"] for item in page["items"]]
    seen = api.client.get(
        f"/api/v1/channels/{channel}/baseline?min_position=youtube.video-snapshots.v1/0/12"
    )
    assert seen.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "videos/none",
        "videos/none/download",
        "virality/none",
        "virality/none/history",
        "channels/none",
        "channels/none/baseline",
        "channels/none/videos",
        "jobs/none",
        "jobs/none/history",
    ],
)
def test_what_is_not_known_is_404(api: Api, path: str) -> None:
    answer = api.client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


def test_totals_move_by_exactly_what_is_folded(api: Api, unique: Make) -> None:
    def totals() -> dict[str, Any]:
        found: dict[str, Any] = api.client.get("/api/v1/totals").json()
        return found

    before = totals()
    video = unique("v")
    api.fold("videos", VIDEO_SNAPSHOTS, snapshot(video, "c", 500, ago=100))
    api.fold("virality", VIRALITY_SCORES, score(video, moment(), 5.0, views=33))
    after = totals()
    assert after["videos"] - before["videos"] == 1
    assert after["snapshots"] - before["snapshots"] == 1
    assert after["observed_views"] - before["observed_views"] == 500
    assert after["scored_videos"] - before["scored_videos"] == 1
    assert after["engagement"]["views"] - before["engagement"]["views"] == 33


def test_a_read_waits_for_a_position_that_the_tables_hold(api: Api, unique: Make) -> None:
    video = unique("v")
    api.fold("virality", VIRALITY_SCORES, score(video, moment(), 5.0, applied_offset=77))
    path = f"/api/v1/virality/{video}?wait_ms=0&min_position=engagement.events.v1/0"
    assert api.client.get(f"{path}/77").status_code == 200
    answer = api.client.get(f"{path}/78")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "POSITION_NOT_REACHED")
    assert answer.headers["Retry-After"]


def test_the_system_tells_of_its_servers_and_lags(api: Api) -> None:
    status = api.client.get("/api/v1/system/status").json()
    assert status["status"] == "ready"
    assert {lag["name"] for lag in status["projections"]} >= {"videos", "virality", "jobs"}
    assert "engagement.events.v1" in status["topics"]
    assert [agent["name"] for agent in status["agents"]] == list(AGENTS)
    assert api.client.get("/api/v1/system/health").json()["status"] == "ready"
    measured = api.client.get("/api/v1/system/metrics").json()
    assert measured["requests"] > 0
    assert measured["process_rss_bytes"] > 1_000_000
    assert measured["gpu"] is None


def test_live_updates_tell_what_changed_and_resume(api: Api, unique: Make) -> None:
    with api.client.stream("GET", "/api/v1/live?topics=videos") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        first = until(lines, "event: hello")
        assert '"resumed": false' in next(lines)
        assert first
        api.fold("videos", VIDEO_UPLOADS, upload(unique("v"), "c"))
        told = until(lines, "event: projection")
        assert '"projection": "videos"' in next(lines)
        identity = next(line for line in told if line.startswith("id: ")).removeprefix("id: ")
    api.fold("videos", VIDEO_UPLOADS, upload(unique("v"), "c"))
    with api.client.stream(
        "GET", "/api/v1/live?topics=videos", headers={"Last-Event-ID": identity}
    ) as stream:
        lines = stream.iter_lines()
        until(lines, "event: hello")
        assert '"resumed": true' in next(lines)
        until(lines, "event: projection")


def test_live_pulses_carry_totals_and_lags(api: Api) -> None:
    with api.client.stream("GET", "/api/v1/live?topics=pulse") as stream:
        lines = stream.iter_lines()
        until(lines, "event: pulse")
        data = httpx.Response(200, text=next(lines).removeprefix("data: ")).json()
    assert data["totals"]["videos"] >= 0
    assert data["projections"]
    assert data["events_per_second"] is not None


def until(lines: Any, wanted: str) -> list[str]:
    """Lines up to and with the wanted one; the client's read timeout ends a vain wait."""
    seen = []
    for line in lines:
        seen.append(line)
        if line == wanted:
            return seen
    raise AssertionError(f"the stream ended without {wanted!r}")
