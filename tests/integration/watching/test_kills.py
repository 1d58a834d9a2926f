"""A poller that is killed anywhere loses units at most: no observation is lost, none doubled."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemas.catalogue import CHANNEL_SNAPSHOTS, VIDEO_SNAPSHOTS
from streams.outliers.watching.store import listed, prepare
from tests.integration.infra.waiting import until
from tests.integration.watching.conftest import Bench, events_of


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_between_answer_and_log(
    bench: Bench, tmp_path: Path, unique: Callable[[str], str], kills: int
) -> None:
    prepare(bench.settings.dsn)
    names = {unique("UC") for _ in range(3)}
    units = tmp_path / "units"
    units.touch()

    def spent() -> int:
        return len(units.read_text().splitlines())

    arguments = (str(units), str(time.time()), *sorted(names))
    for _ in range(kills):
        before = spent()
        process = bench.start("tests.integration.watching.a_poller", *arguments)
        until(lambda start=before: spent() > start + 3, "looks")  # type: ignore[misc]
        time.sleep(random.uniform(0.0, 0.1))
        process.kill()
        process.wait()
        assert process.returncode == -9, bench.said()
    last = bench.start("tests.integration.watching.a_poller", *arguments)
    before = spent()
    until(lambda: spent() > before + 3, "the last one's looks")
    last.kill()
    last.wait()

    with psycopg.connect(bench.settings.dsn) as conn:
        waiting = conn.execute("SELECT count(*) FROM watching_outbox").fetchone()
    rows, _ = listed(bench.settings.dsn)
    stored = sum(row["snapshots"] for row in rows)
    found = [
        event
        for topic in (VIDEO_SNAPSHOTS, CHANNEL_SNAPSHOTS)
        for event in events_of(bench.settings, topic, names)
    ]
    by_id = {event["event_id"]: event for event in found}
    # Every repetition is the same event, and says the same.
    assert all(by_id[event["event_id"]] == event for event in found)
    observed = {
        (event.get("video_id"), event["channel_id"], event["occurred_at"]) for event in found
    }
    assert len(observed) == len(by_id)
    # What is stored is in the log, or waits to be: nothing is lost, and nothing came of itself.
    assert waiting is not None
    assert len(by_id) <= stored <= len(by_id) + waiting[0]
    assert stored > kills
