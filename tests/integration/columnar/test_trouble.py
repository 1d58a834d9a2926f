"""Logs that are not what the agent hopes for: it goes on or says what is wrong; it never hangs."""

from __future__ import annotations

import os
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewPartitions

from tests.chaos.independent import messages
from tests.integration.columnar.conftest import Pipeline
from tests.integration.columnar.topics import PARTITIONS


def ended(pipeline: Pipeline, seconds: float) -> int | None:
    """Exit code of the last worker if it ends within that time."""
    deadline = time.monotonic() + seconds
    worker = pipeline.workers[-1]
    while worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    return worker.poll()


@pytest.mark.slow
def test_a_dead_letter_as_large_as_its_topic_allows_does_not_stop_the_agent(
    pipeline: Pipeline,
) -> None:
    """The letter has the record's bytes and headers besides: it is larger than the record."""
    pipeline.feed.raw(b"v1", os.urandom(1_048_588 - 300), partition=0)
    pipeline.feed.events(200)
    worker = pipeline.start_worker()
    pipeline.wait_until_caught_up(40)
    assert worker.poll() is None, pipeline.log(worker)[-1500:]
    letters = list(messages(pipeline.settings, pipeline.source.dlq, 1))
    assert len(letters) == 1


@pytest.mark.slow
def test_an_input_that_got_more_partitions_is_refused(pipeline: Pipeline) -> None:
    """Keys move and the output has no such partition: state would be split or never flushed."""
    pipeline.feed.events(1_000)
    worker = pipeline.start_worker()
    pipeline.wait_until_caught_up()
    pipeline.kill(worker)
    name = pipeline.source.name
    pipeline.admin.create_partitions([NewPartitions(name, 4)])[name].result()
    known = list(messages(pipeline.settings, name, 1))[:50]
    producer = Producer(pipeline.settings.kafka_config())  # it asks for the partitions anew
    for message in known:
        producer.produce(name, message.value(), message.key(), partition=3)
    assert producer.flush(30) == 0
    pipeline.start_worker()
    assert ended(pipeline, 20) == 70, pipeline.log(pipeline.workers[-1])[-1500:]
    assert "partitions" in pipeline.log(pipeline.workers[-1])


@pytest.mark.slow
def test_an_idle_log_that_ends_in_a_transaction_marker_is_no_standstill(
    pipeline: Pipeline,
) -> None:
    """A transactional producer's commit takes an offset that no consumer ever sees."""
    pipeline.settings = pipeline.settings.model_copy(update={"watchdog_seconds": 8.0})
    pipeline.feed.events(100)
    body = next(m for m in messages(pipeline.settings, pipeline.source.name, PARTITIONS))
    producer = Producer({**pipeline.settings.kafka_config(), "transactional.id": "marker"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition in range(2):
        producer.produce(pipeline.source.name, body.value(), body.key(), partition=partition)
    producer.commit_transaction(30)
    pipeline.start_worker()
    assert ended(pipeline, 30) is None, pipeline.log(pipeline.workers[-1])[-1500:]
