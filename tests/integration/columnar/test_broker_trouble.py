"""A broker that goes away and comes back."""

from __future__ import annotations

import sys

import pytest

from infra.processes import ProcessSpec
from infra.supervisor import Supervisor
from tests.chaos.broker import Broker
from tests.integration.columnar.conftest import Pipeline
from tests.integration.infra.waiting import until


@pytest.mark.parametrize("how", ["killed", pytest.param("stopped", marks=pytest.mark.slow)])
def test_a_worker_goes_on_by_itself_when_the_broker_is_back(
    struck: Pipeline, own_broker: Broker, how: str
) -> None:
    worker = struck.start_worker()
    struck.load.publish(3_000)
    struck.wait_until_caught_up()
    struck.load.publish(3_000)
    if how == "killed":
        own_broker.kill()
    else:
        own_broker.stop()
    own_broker.start()
    struck.load.publish(3_000)
    struck.wait_until_caught_up()
    assert worker.poll() is None, struck.log(worker)[-3000:]
    struck.assert_exact()


def test_one_that_cannot_go_on_says_where_it_stands_ends_and_is_started_again(
    struck: Pipeline, own_broker: Broker
) -> None:
    """The broker keeps its connections and answers nothing: no client sees anything wrong."""
    settings = struck.settings.model_copy(update={"watchdog_seconds": 8.0})
    told = struck.said(settings=settings).model_dump_json()
    worker = ProcessSpec("worker", (sys.executable, "-m", "tests.chaos.worker", told), "")
    log = settings.home / "logs" / "worker.log"
    exits: list[int] = []
    supervisor = Supervisor(
        settings,
        [worker],
        on_event=lambda event: event.what == "died" and exits.append(event.facts["exit_code"]),
    )
    struck.load.publish(3_000)
    with supervisor:
        struck.wait_until_caught_up()
        own_broker.pause()
        until(lambda: exits, "the watchdog to act")
        own_broker.resume()
        struck.load.publish(3_000)
        struck.wait_until_caught_up()
    assert exits[0] == 70
    said = log.read_text()
    assert "no progress" in said
    assert "most recent call first" in said  # of the stacks of all threads
    assert "_watch" in said
    struck.assert_exact()
