"""A rebalance that begins while state is being restored."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import Any

import pytest

from tests.integration.columnar.conftest import Pipeline


def hindered(pipeline: Pipeline, **hindrances: Any) -> subprocess.Popen[bytes]:
    return pipeline.start(
        "tests.integration.columnar.hindered_worker",
        json.dumps(hindrances),
        pipeline.said().model_dump_json(),
    )


@pytest.mark.slow
def test_a_restore_that_ends_between_revocation_and_assignment_loses_nothing(
    pipeline: Pipeline,
) -> None:
    """The other members may take their time: the first restore ends, and Faust resumes the flow,
    before the new assignment is there. What flows during the second restore must not count."""
    worker = hindered(
        pipeline, restores=[8.0, 8.0, 1.0], revocations=[0.0, 8.0, 0.0], chunk_records=20
    )
    pipeline.feed.events(60_000)
    deadline = time.monotonic() + 60
    while "Consumer]: Starting" not in pipeline.log(worker):
        assert time.monotonic() < deadline, pipeline.log(worker)
        time.sleep(0.05)
    pipeline.start_worker()
    feeding = threading.Event()

    def feed() -> None:
        while not feeding.wait(0.01):
            pipeline.feed.events(300)

    feeder = threading.Thread(target=feed)
    feeder.start()
    time.sleep(25)
    feeding.set()
    feeder.join()
    pipeline.wait_until_caught_up()
    pipeline.assert_exact()


@pytest.mark.slow
def test_a_restore_may_take_longer_than_a_request_to_the_broker(pipeline: Pipeline) -> None:
    """Faust gives its seek, in which the restore happens, the time of one request (90 s)."""
    pipeline.feed.events(1_000)
    worker = hindered(
        pipeline, restores=[14.0], faust={"broker_request_timeout": 11.0}, chunk_records=1_000
    )
    pipeline.wait_until_caught_up(60)
    assert worker.poll() is None, pipeline.log(worker)[-1500:]
    pipeline.assert_exact()
