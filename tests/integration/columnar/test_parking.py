"""Rows of quiet keys leave the memory, survive kill -9 in the topic, and come back exactly."""

from __future__ import annotations

import time
from pathlib import Path

from tests.chaos.pipeline import Process
from tests.integration.columnar.conftest import Pipeline
from tests.integration.columnar.test_metrics import metrics_url, scrape
from tests.integration.infra.waiting import until

QUIET_S = 2.0


def test_a_parked_key_is_restored_and_counts_on_with_its_next_event(pipeline: Pipeline) -> None:
    pipeline.settings = pipeline.settings.model_copy(update={"park_after_hours": QUIET_S / 3600})
    feed, worker = pipeline.feed, pipeline.start_worker()
    feed.events(6_000)
    pipeline.wait_until_caught_up()

    url = metrics_url(pipeline, worker)
    _let_others_fall_quiet(pipeline)
    until(lambda: scrape(url)["agent_parked_keys"] > 300, "keys to be parked")
    figures = scrape(url)
    assert figures["agent_parked_keys"] < figures["agent_keys"]
    assert _scratch(pipeline) == []  # what there is has no name

    pipeline.kill(worker)
    worker = pipeline.start_worker()
    url = metrics_url(pipeline, worker)
    until(lambda: _parked_by_restore(pipeline, worker) > 300, "rows to be parked again")
    assert scrape(url)["agent_keys"] == figures["agent_keys"]

    feed.events(6_000)
    pipeline.wait_until_caught_up()
    assert scrape(url)["agent_parked_keys"] < figures["agent_parked_keys"] / 2
    pipeline.assert_exact()


def _let_others_fall_quiet(pipeline: Pipeline) -> None:
    """The log's time moves on with a few keys alone."""
    time.sleep(1.5 * QUIET_S)
    pipeline.feed.events(200, videos=5)
    pipeline.wait_until_caught_up()


def _scratch(pipeline: Pipeline) -> list[Path]:
    return list((pipeline.settings.home / "parked").iterdir())


def _parked_by_restore(pipeline: Pipeline, worker: Process) -> float:
    restored = [line for line in pipeline.log(worker).splitlines() if " restored " in line]
    return sum(float(line.partition("parked=")[2].split()[0]) for line in restored)
