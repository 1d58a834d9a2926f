"""The demonstration's own count of what must come out."""

from __future__ import annotations

import polars as pl

from infra.demo.expected import Expected, grown
from infra.demo.feed import Outcome
from infra.simulator.scenario import Scenario
from infra.simulator.stream import batches
from infra.simulator.world import make_world


def test_totals_count_repeated_events_once() -> None:
    scenario = Scenario(10_000, videos=60, channels=6)
    world = make_world(scenario)
    expected = Expected()
    given = list(expected.watching(batches(scenario, world)))
    once: dict[str, dict] = {}
    for batch in given:
        if batch.topic.name == "engagement.events.v1":
            assert isinstance(batch.events, pl.DataFrame)
            once |= {row["event_id"]: row for row in batch.events.to_dicts()}

    totals = expected.totals()

    kinds = [row["kind"] for row in once.values()]
    assert len(once) == 9_900
    assert totals["engagement.views"] == kinds.count("view")
    assert totals["engagement.likes"] == kinds.count("like") - kinds.count("unlike")
    assert totals["engagement.watch_ms"] == sum(row["watch_ms"] or 0 for row in once.values())
    assert totals["scored_videos"] == len({row["video_id"] for row in once.values()})
    assert totals["videos"] == 60
    assert totals["channels"] == 6
    assert totals["channel_snapshots"] == 6 * 14


def test_growth_is_by_name_also_inside_objects() -> None:
    before = {"videos": 3, "engagement": {"views": 10}, "jobs": {}}
    after = {"videos": 5, "engagement": {"views": 25}, "jobs": {"completed": 2}}

    assert grown(before, after, ["videos", "engagement.views", "jobs.completed"]) == {
        "videos": 2,
        "engagement.views": 15,
        "jobs.completed": 2,
    }


def test_an_outcome_is_good_only_if_every_check_holds() -> None:
    assert not Outcome("http://x").good
    assert Outcome("http://x", checks={"a": True}).good
    assert not Outcome("http://x", checks={"a": True, "b": False}).good


def test_the_last_line_has_what_scripts_read() -> None:
    outcome = Outcome("http://x", published=100, seconds=4.0, urls={"http://x/health": 200})

    facts = outcome.as_json()

    assert facts["events_per_second"] == 25
    assert facts["urls"] == [{"url": "http://x/health", "status": 200}]
    assert facts.keys() >= {
        "published", "scored", "outliers", "jobs_completed", "seconds", "events_per_second",
        "api", "checks",
    }  # fmt: skip
