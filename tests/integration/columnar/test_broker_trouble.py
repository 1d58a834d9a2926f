"""A broker that goes away and comes back."""

from __future__ import annotations

import pytest

from tests.chaos.broker import Broker
from tests.integration.columnar.conftest import Pipeline

COMES_BACK_S = 30


@pytest.mark.parametrize("how", ["killed", "stopped"])
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
    struck.wait_until_caught_up(COMES_BACK_S)
    assert worker.poll() is None, struck.log(worker)[-3000:]
    struck.assert_exact()
