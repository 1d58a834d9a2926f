"""Raw data of YouTube's API goes; what was derived from it stays, and folds again the same."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from schemas.catalogue import CHANNEL_SNAPSHOTS, EXPIRIES, VIDEO_SNAPSHOTS
from tests.acceptance.conftest import Platform

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
AGE = dt.timedelta(hours=48)  # at which every video of the channel is observed


def snapshot(channel: str, number: int, views: int, **changes: Any) -> dict[str, Any]:
    published = NOW - dt.timedelta(days=20 - number)
    return {
        "event_id": str(uuid.uuid4()),
        "occurred_at": (published + AGE).isoformat(),
        "video_id": f"{channel}-{number}",
        "channel_id": channel,
        "title": f"Video {number}",
        "published_at": published.isoformat(),
        "duration_s": 600,
        "views": views,
        "likes": 10,
        "comments": 1,
        **changes,
    }


def publish(platform: Platform, topic: str, *events: dict[str, Any]) -> None:
    answer = platform.api.post(f"/api/v1/events/{topic}", json=list(events))
    assert answer.json().get("accepted") == len(events), answer.text


@pytest.fixture
def channel(platform: Platform) -> str:
    """A channel with a usual past, and a video far beyond it."""
    name = f"expiry-{uuid.uuid4().hex[:8]}"
    usual = [snapshot(name, number, 1000 + number) for number in range(8)]
    publish(platform, VIDEO_SNAPSHOTS.name, *usual, snapshot(name, 9, 90_000))
    facts = {"occurred_at": NOW.isoformat(), "channel_id": name, "title": "A channel"}
    publish(platform, CHANNEL_SNAPSHOTS.name, {**facts, "subscribers": 5000, "views": 99})
    platform.settle()
    return name


def derived(platform: Platform, channel: str) -> list[Any]:
    outliers = platform.get("/outliers", channel_id=channel)["items"]
    for item in outliers:
        item.pop("views_now", None)
    return [outliers, platform.get(f"/channels/{channel}/baseline")]


# Of an outlier: what the platform said, and what is reckoned from it when somebody asks.
GO_WITH_THE_OBSERVATIONS = {
    *("title", "channel_title", "latest_views", "observed_at", "not_computed"),
    *("views_per_median", "views_per_subscriber_100", "velocity", "velocity_24h"),
    *("vs_surrounding_10", "seven_day_multiple"),
}


def test_raw_counts_go_and_baselines_and_detections_stay(
    platform: Platform, channel: str, until: Callable[..., Any]
) -> None:
    assert platform.get(f"/videos/{channel}-3")["views"] == 1003
    time.sleep(0.01)  # the log counts milliseconds
    instant = dt.datetime.now(dt.UTC).isoformat()
    time.sleep(0.01)
    late = snapshot(channel, 3, 1, occurred_at=(NOW - dt.timedelta(days=16)).isoformat())
    publish(platform, VIDEO_SNAPSHOTS.name, late)
    platform.settle()
    assert platform.get(f"/videos/{channel}-3")["views"] == 1003  # it only adds to the history
    before = derived(platform, channel)
    assert [item["video_id"] for item in before[0]] == [f"{channel}-9"]
    assert before[1]["baselines"]

    said = [
        json.loads(platform.groundswell("expire", "--before", instant, "--json").stdout)
        for _ in range(2)
    ]
    assert said[0] == said[1]
    until(lambda: platform.api.get(f"/api/v1/videos/{channel}-0").status_code == 404)
    platform.settle()

    assert platform.get(f"/videos/{channel}-3")["views"] == 1  # what was stored since stays
    after = derived(platform, channel)
    for old, new in zip(before[0], after[0], strict=True):
        kept = {name: value for name, value in old.items() if new.get(name) != value}
        assert set(kept) <= GO_WITH_THE_OBSERVATIONS, kept
    assert after[1] == before[1]
    shown = platform.get(f"/channels/{channel}")
    assert (shown["subscribers"], shown["snapshots"]) == (None, 0)


def test_the_projector_says_what_expires_by_itself(platform: Platform) -> None:
    sizes = {topic["name"]: topic["events"] for topic in platform.facts()["topics"]}
    assert sizes[EXPIRIES.name] >= 1
    log = (platform.home / "logs" / "projector.log").read_text()
    assert "expired" in log


def test_wrong_use_is_said(platform: Platform) -> None:
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    for wrong in ("yesterday", tomorrow):
        assert platform.groundswell("expire", "--before", wrong, ok=False).returncode == 2
