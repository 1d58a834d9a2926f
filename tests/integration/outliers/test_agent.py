"""The outlier agent as a process, killed on the way."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest

from schemas.catalogue import OUTLIER_BASELINES, OUTLIER_DETECTIONS, OUTLIER_SHIFTS, VIDEO_SNAPSHOTS
from schemas.publisher import Publisher
from schemas.topic import Topic
from tests.acceptance.independent_outliers import Curves, Recount
from tests.integration.infra.waiting import until
from tests.integration.virality.conftest import Agents
from tests.unit.outliers.recounted import SHIPPED, about

Read = Callable[[Topic], list[dict[str, Any]]]

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
CHANNELS, VIDEOS = 6, 24


def story(name: str) -> list[dict[str, Any]]:
    """Snapshots of channels with hits, recounts, and a new level, in the order of their time."""
    rng = random.Random(5)
    events = []
    for channel in range(CHANNELS):
        for video in range(VIDEOS):
            published = START + dt.timedelta(hours=20 * video)
            level = 4 + 1.5 * (channel == 0 and video > 14) + 2 * (video == 12 + channel)
            eventual = 10 ** rng.gauss(level, 0.2)
            for hours in (3, 9, 30, 90):
                recounted = video == 12 + channel and hours == 90 and channel % 2 == 0
                events.append(
                    {
                        "event_id": f"{name}-{channel}-{video}-{hours}",
                        "occurred_at": published + dt.timedelta(hours=hours),
                        "video_id": f"{name}-v{channel}-{video}",
                        "channel_id": f"{name}-c{channel}",
                        "title": "A title",
                        "published_at": published,
                        "duration_s": 600,
                        "category": "24",
                        "views": round(eventual * hours / 90 * (0.01 if recounted else 1)),
                        "likes": None,
                        "comments": None,
                    }
                )
    return sorted(events, key=lambda one: one["occurred_at"])


@pytest.mark.timeout(280)
@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_killed_at_any_instant_it_says_each_thing_once(
    agents: Agents, publisher: Publisher, log_of: Read, unique: Callable[[str], str], kills: int
) -> None:
    name = unique("o")
    events = story(name)
    size = len(events) // (kills + 1)

    def rows() -> dict[str, dict[str, Any]]:
        own = [row for row in log_of(OUTLIER_BASELINES) if row["channel_id"].startswith(name)]
        ordered = sorted(own, key=lambda row: int(row["applied_offset"]))
        return {row["channel_id"]: row for row in ordered}

    def folded(count: int) -> Callable[[], bool]:
        return lambda: sum(row["snapshots"] for row in rows().values()) >= count

    running = agents.start("outlier-agent")
    for part in range(kills + 1):
        for event in events[part * size : (part + 1) * size]:
            publisher.publish(VIDEO_SNAPSHOTS, event)
            publisher.publish(VIDEO_SNAPSHOTS, event)  # a repeat counts once
        publisher.flush()
        if part < kills:
            # Somewhere in what it is doing: before, in, or after the flush of the first of it.
            until(folded(part * size + 1), "a part of it")
            running.kill()
            running = agents.start("outlier-agent")
    until(folded((kills + 1) * size), "all of it")

    numbered = [{**event, "order": event["event_id"]} for event in events[: (kills + 1) * size]]
    wanted = Recount(Curves(SHIPPED), 3.0, 0.01).take(numbered)
    assert {one["verdict"] for one in wanted.detections} == {"outlier", "retracted"}
    assert wanted.shifts
    ours = [one for one in log_of(OUTLIER_DETECTIONS) if one["channel_id"].startswith(name)]
    said = {one["event_id"]: one for one in ours}
    # What was sent again after a kill is the same event, to the last bit.
    assert all(one == said[one["event_id"]] for one in ours)
    names = ("video_id", "verdict", "age_from_h", "views", "multiple", "tail_probability")
    found = [{field: one[field] for field in names} for one in said.values()]
    others = [about({field: one[field] for field in names}) for one in wanted.detections]
    assert sorted(found, key=_place) == sorted(others, key=_place)
    moved = {
        one["event_id"]: (one["channel_id"], one["direction"], one["observations"])
        for one in log_of(OUTLIER_SHIFTS)
        if one["channel_id"].startswith(name)
    }
    assert sorted(moved.values()) == sorted(
        (one["channel_id"], one["direction"], one["observations"]) for one in wanted.shifts
    )
    for channel, row in rows().items():
        days = {one["day"].date(): one["tests"] for one in row["days"]}
        assert days.items() <= wanted.channels[channel].tests.items()
        assert {one["age_from_h"] for one in row["baselines"]} == {24, 72, 168, 720}


def _place(one: dict[str, Any]) -> tuple[str, int, str]:
    return one["video_id"], one["views"], one["verdict"]
