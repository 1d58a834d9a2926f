"""The processes of niches and of channel shifts, which are killed on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    OUTLIER_CHANNEL_VIEWS,
    OUTLIER_DETECTIONS,
    OUTLIER_NICHES,
    OUTLIER_SHIFTS,
)
from schemas.publisher import Publisher
from schemas.topic import Topic
from streams.columnar.kafka.log import LogReadError
from streams.outliers.niches.log import Tail
from streams.outliers.niches.process import Follower
from tests.integration.infra.waiting import until
from tests.integration.projections.conftest import Log
from tests.integration.virality.conftest import Agents

Read = Callable[[Topic], list[dict[str, Any]]]

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def detection(name: str, video: int, title: str, **facts: Any) -> dict[str, Any]:
    return {
        "event_id": f"{name}-e{video}",
        "occurred_at": NOW + dt.timedelta(seconds=video),
        "video_id": f"{name}-v{video}",
        "channel_id": f"{name}-c{video}",
        "title": title,
        "format": "long",
        "published_at": NOW - dt.timedelta(days=2),
        "age_s": 2 * 86_400,
        "age_from_h": 24,
        "views": 9_000,
        "expected_views": 900.0,
        "multiple": 4.0 + video,
        "z": 5.0,
        "tail_probability": 0.001,
        "too_recent": False,
        "insufficient_history": False,
        "baseline_n": 9,
        "baseline_median_log10": 2.95,
        "baseline_mad_log10": 0.1,
        "source_partition": 0,
        "source_offset": video,
        **facts,
    }


@pytest.mark.timeout(200)
@pytest.mark.parametrize("kills", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_niches_survive_a_kill_and_nothing_is_told_twice(
    agents: Agents, publisher: Publisher, log_of: Read, unique: Callable[[str], str], kills: int
) -> None:
    name = unique("n")
    topic = f"glow{name[-6:]}worm keeping"  # that no other test's titles have

    def tell(*events: dict[str, Any]) -> None:
        for event in events:
            publisher.publish(OUTLIER_DETECTIONS, event)
        publisher.flush()

    def rows() -> list[dict[str, Any]]:
        return [row for row in log_of(OUTLIER_NICHES) if f"{name}-v0" in row["videos"]]

    def videos() -> set[str]:
        return set(rows()[-1]["videos"]) if rows() else set()

    def named(*numbers: int) -> set[str]:
        return {f"{name}-v{number}" for number in numbers}

    titles = [f"Is {topic} for you?", f"Why I gave up {topic}", f"{topic}: ten mistakes"]
    tell(*(detection(name, number, title) for number, title in enumerate(titles)))
    first = agents.start("niches")
    until(lambda: videos() == named(0, 1, 2), "a niche of three channels")
    first.kill()
    first.wait()
    tell(detection(name, 3, f"my {topic}"))
    second = agents.start("niches")
    until(lambda: videos() == named(0, 1, 2, 3), "the fourth channel")
    if kills == 2:
        second.kill()
        second.wait()
    back = {"verdict": "retracted", "event_id": f"{name}-r"}
    tell(
        detection(name, 1, topic, **back, retracts=f"{name}-e1"),
        detection(name, 2, topic, **back | {"event_id": f"{name}-s"}, retracts=f"{name}-e2"),
    )
    if kills == 2:
        agents.start("niches")
    until(lambda: rows()[-1]["open"] is False, "two channels are no niche")
    told = rows()
    assert len({row["niche_id"] for row in told}) == 1
    assert [row["open"] for row in told] == [True, True, False]
    assert len({row["event_id"] for row in told}) == len(told)
    assert told[1]["median_multiple"] == 5.5
    assert told[1]["first_seen"] == NOW


def test_a_log_read_at_once_in_pieces_or_anew_gives_the_same_niches(
    log: Log, another: Callable[[Log], Log]
) -> None:
    days = [
        detection(f"n{day}", one, title.format(topic))
        | {"occurred_at": NOW - dt.timedelta(days=60 - day, seconds=one)}
        for day, topic in (
            (0, "paper origami cranes"),
            (3, "granite curling stones"),
            (30, "rye sourdough bread"),
        )
        for one, title in enumerate(["{} for beginners", "My first {}", "Ten mistakes with {}"])
    ]
    kafka, topic = log.settings.kafka_config(), log.topic(OUTLIER_NICHES)
    source = log.topic(OUTLIER_DETECTIONS)
    columns = tuple(field["name"] for field in OUTLIER_NICHES.schema["fields"])
    told = Tail(kafka, log.registry, topic, columns)

    def said(tail: Tail) -> dict[str, dict[str, Any]]:
        """The newest row of each niche, without where it stands in the log."""
        rows = {row["niche_id"]: row for row in tail.read()}
        return {name: {column: row[column] for column in columns} for name, row in rows.items()}

    def follower() -> Follower:
        return Follower(kafka, log.registry, source, topic)

    log.publish(OUTLIER_DETECTIONS, *days)
    follower().step()
    whole = said(told)
    assert sorted(row["terms"][0] for row in whole.values()) == ["bread", "cranes", "curling"]
    assert [row["open"] for row in whole.values()].count(True) == 1
    # A second one finds nothing to say, nor does one that is told everything again.
    again = follower()
    assert again.step() == 0
    log.publish(OUTLIER_DETECTIONS, *days)
    assert (again.step(), follower().step(), told.read()) == (0, 0, [])
    # In another log, a few at a time, with a restart after each.
    other = another(log)
    topic, source = other.topic(OUTLIER_NICHES), other.topic(OUTLIER_DETECTIONS)
    for start in range(0, len(days), 3):
        other.publish(OUTLIER_DETECTIONS, *days[start : start + 3])
        follower().step()
    assert said(Tail(kafka, log.registry, topic, columns)) == whole


def test_a_log_that_was_made_anew_is_said_and_not_guessed_at(log: Log) -> None:
    source, topic = log.topic(OUTLIER_DETECTIONS), log.topic(OUTLIER_NICHES)
    log.publish(OUTLIER_DETECTIONS, *(detection("n", video, f"v{video}") for video in range(4)))
    follower = Follower(log.settings.kafka_config(), log.registry, source, topic)
    follower.step()
    log.make_anew(OUTLIER_DETECTIONS)

    def refused() -> bool:
        try:
            follower.step()
        except LogReadError as error:
            return "made anew" in str(error)  # a moment later: it is just being made
        return False

    until(refused, "the log is shorter than what was read")


def test_a_shift_of_a_channel_is_told_once_though_its_agent_is_killed(
    agents: Agents, publisher: Publisher, log_of: Read, unique: Callable[[str], str]
) -> None:
    name = unique("c")
    views = [10**6]
    for day in range(1, 26):
        views.append(views[-1] + (10_000 if day < 12 else 60_000) + 137 * (day % 5))
    events = [
        {
            "event_id": f"{name}-{day}",
            "occurred_at": NOW - dt.timedelta(days=25 - day),
            "channel_id": name,
            "title": None,
            "subscribers": None,
            "views": count,
            "videos": 3,
        }
        for day, count in enumerate(views)
    ]

    def tell(some: list[dict[str, Any]]) -> None:
        for event in some:
            publisher.publish(CHANNEL_SNAPSHOTS, event)
        publisher.flush()

    def seen() -> int:
        own = [row for row in log_of(OUTLIER_CHANNEL_VIEWS) if row["channel_id"] == name]
        return max((row["snapshots"] for row in own), default=0)

    tell(events[:15])
    first = agents.start("channel-shift-agent")
    until(lambda: seen() == 15, "the first snapshots")
    first.kill()
    first.wait()
    tell(events[15:] + events[20:])
    agents.start("channel-shift-agent")
    until(lambda: seen() == 26, "all snapshots, repeated ones once")
    told = [event for event in log_of(OUTLIER_SHIFTS) if event["channel_id"] == name]
    assert len({event["event_id"] for event in told}) == 1
    assert (told[0]["direction"], round(told[0]["factor"])) == ("up", 6)
