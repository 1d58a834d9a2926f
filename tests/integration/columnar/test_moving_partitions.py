"""Partitions that move while a worker is in the middle of a flush."""

from __future__ import annotations

from pathlib import Path

from tests.integration.columnar.conftest import Pipeline
from tests.integration.columnar.topics import PARTITIONS
from tests.integration.infra.waiting import until


def test_a_partition_that_moves_during_a_flush_takes_its_state_along(struck: Pipeline) -> None:
    struck.load.publish(3_000)
    first = struck.start_worker(pauses={"produced": 0.4})
    struck.wait_until_logged(first, "] assigned ")
    struck.load.publish(2_000)
    second = struck.start_worker()
    struck.load.publish(2_000)
    struck.wait_until_logged(second, "] assigned ")
    struck.load.publish(2_000)
    struck.wait_until_caught_up()
    assert first.poll() is None, struck.log(first)[-3000:]
    assert "partitions=[0, 1]" not in struck.log(second)
    struck.assert_exact()


def test_a_flush_that_outlasts_the_rebalance_changes_nothing(
    struck: Pipeline, tmp_path: Path
) -> None:
    """The others wait no longer: its rows come in when the partition is somebody else's."""
    struck.load.publish(3_000)
    go = tmp_path / "go"
    slow = struck.start_worker(holds={"emitted": go}, rebalance=1.0)
    struck.wait_until_logged(slow, "holds at emitted")
    owner = struck.start_worker(rebalance=1.0)
    struck.wait_until_logged(owner, "partitions=[0, 1]")
    struck.load.publish(2_000)
    go.touch()
    # Its rows are noticed, or read with the others when it joins before that.
    until(
        lambda: (
            (said := struck.log(owner)).count("somebody else writes") > 0
            or said.count("restored  ") > PARTITIONS
        ),
        "the owner to meet the late rows",
    )
    struck.wait_until_caught_up()
    struck.assert_exact(within=60)
    assert slow.poll() is None, struck.log(slow)[-3000:]
