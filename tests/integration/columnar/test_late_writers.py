"""Workers that lost their partitions and write all the same."""

from __future__ import annotations

import signal

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from tests.chaos.independent import messages
from tests.chaos.pipeline import Process
from tests.chaos.strikes import Strike
from tests.integration.columnar.conftest import Pipeline
from tests.integration.columnar.topics import PARTITIONS
from tests.integration.infra.waiting import until


def test_a_worker_that_slept_past_its_session_writes_nothing_when_it_wakes(
    struck: Pipeline,
) -> None:
    struck.load.publish(2_000)
    sleeper = struck.start_worker(strikes=[Strike(step="folded", signal=signal.SIGSTOP)])
    struck.wait_until_stopped(sleeper)
    struck.start_worker()
    struck.load.publish(2_000)
    struck.wait_until_caught_up()
    before = struck.ends(struck.output)
    sleeper.send_signal(signal.SIGCONT)
    struck.wait_until_logged(sleeper, "] assigned ", times=2)
    struck.wait_until_caught_up()
    assert struck.ends(struck.output) == before
    struck.assert_exact()


def test_the_owner_writes_its_rows_again_behind_those_of_a_worker_that_wakes_and_dies(
    struck: Pipeline,
) -> None:
    """The late rows were on their way already, and no rebalance makes anybody restore."""
    owner = late_rows(struck)
    struck.wait_until_logged(owner, "rows written again")
    struck.assert_exact(within=60)
    compact(struck)
    struck.kill(owner)
    struck.start_worker()
    struck.load.publish(2_000)
    struck.wait_until_caught_up()
    struck.assert_exact()


def late_rows(struck: Pipeline) -> Process:
    """Rows of a worker that was stopped in a flush come in while another one owns the partitions.

    Returns:
        The owner, which has folded more of the same keys.
    """
    struck.load.publish(2_000)
    sleeper = struck.start_worker(
        strikes=[
            Strike(step="produced", signal=signal.SIGSTOP),
            Strike(step="acknowledged", signal=signal.SIGKILL),
        ]
    )
    struck.wait_until_stopped(sleeper)
    owner = struck.start_worker()
    struck.load.publish(2_000)
    struck.wait_until_caught_up()
    before = struck.ends(struck.output)
    sleeper.send_signal(signal.SIGCONT)
    struck.wait_until_ended(sleeper, -signal.SIGKILL)
    assert sum(struck.ends(struck.output)) > sum(before)
    return owner


def compact(struck: Pipeline) -> None:
    """Have the broker compact the output topic at once, and wait until it has."""
    at_once = {
        "min.compaction.lag.ms": "0",
        "min.cleanable.dirty.ratio": "0.01",
        "segment.ms": "500",
    }
    topic = ConfigResource(
        ConfigResource.Type.TOPIC,
        struck.output.name,
        incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in at_once.items()
        ],
    )
    for future in struck.admin.incremental_alter_configs([topic]).values():
        future.result()
    ends = struck.ends(struck.output)

    def compacted() -> bool:
        # A segment ends when a record comes in after its time. What this adds is not counted: it
        # comes as fast as the cleaner takes away.
        struck.load.publish(20)
        rows = messages(struck.settings, struck.output.name, PARTITIONS)
        left = sum(row.offset() < ends[row.partition()] for row in rows)
        return left < sum(ends) / 2

    until(compacted, "the broker to compact", 150)
