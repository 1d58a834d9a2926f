"""The runtime on a real broker: exact under kill -9, poison, duplicates and rebalances."""

from __future__ import annotations

import signal
import time

from confluent_kafka.admin import NewTopic

from schemas.wire import prefix
from tests.chaos.independent import last_rows, messages
from tests.integration.columnar.conftest import Pipeline
from tests.integration.columnar.topics import PARTITIONS


def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(pipeline: Pipeline) -> None:
    worker = pipeline.start_worker()
    for round_ in range(4):
        pipeline.feed.events(6_000)
        time.sleep(0.4 * round_)  # different instants of a flush interval
        pipeline.kill(worker)
        worker = pipeline.start_worker()
    pipeline.feed.events(3_000)
    pipeline.wait_until_caught_up()
    pipeline.assert_exact()


def test_partitions_move_between_workers_with_their_state(pipeline: Pipeline) -> None:
    first = pipeline.start_worker()
    pipeline.feed.events(5_000)
    pipeline.wait_until_caught_up()
    second = pipeline.start_worker()
    pipeline.feed.events(5_000)
    pipeline.wait_until_caught_up()
    first.send_signal(signal.SIGTERM)
    pipeline.feed.events(5_000)
    pipeline.wait_until_caught_up()
    assert first.wait(120) == 0, pipeline.log(first)
    assert second.poll() is None
    pipeline.assert_exact()


def test_poison_goes_to_the_dead_letter_topic_with_coordinates_and_reason(
    pipeline: Pipeline,
) -> None:
    feed = pipeline.feed
    feed.raw(b"v1", b"no avro at all", partition=0)
    feed.events(1_000)
    feed.raw(b"v1", prefix(987_654) + b"x", partition=1)
    feed.raw(b"v1", None, partition=1)
    feed.raw(None, b"", partition=0)
    feed.events(1_000)
    pipeline.start_worker()
    pipeline.wait_until_caught_up()
    letters = {
        message.key().decode(): dict(message.headers())
        for message in messages(pipeline.settings, pipeline.source.dlq, 1)
    }
    assert len(letters) == 3
    assert f"{pipeline.source.name}/0/0" in letters
    reasons = " ".join(h["groundswell.dlq.reason"].decode() for h in letters.values())
    assert "no schema id" in reasons
    assert "no schema 987654" in reasons
    assert all(h["groundswell.dlq.component"] for h in letters.values())


def test_the_output_is_written_beside_its_input(pipeline: Pipeline) -> None:
    """Co-partitioned: a row stands in the partition of its key's events."""
    pipeline.feed.events(2_000)
    pipeline.start_worker()
    pipeline.wait_until_caught_up()
    settings, source, output = pipeline.settings, pipeline.source, pipeline.output
    where = {m.key(): m.partition() for m in messages(settings, source.name, PARTITIONS)}
    rows = list(messages(settings, output.name, PARTITIONS))
    assert rows
    assert all(where[row.key()] == row.partition() for row in rows)
    scores = last_rows(settings, output.name, output.schema, PARTITIONS)
    assert all(0 <= row["score"] <= 100 for row in scores.values())


def test_a_worker_refuses_an_input_that_was_made_anew(pipeline: Pipeline) -> None:
    """Offsets that start over would be taken for events that were folded long ago."""
    pipeline.feed.events(2_000)
    worker = pipeline.start_worker()
    pipeline.wait_until_caught_up()
    pipeline.kill(worker)
    admin = pipeline.admin
    admin.delete_topics([pipeline.source.name], operation_timeout=60)[pipeline.source.name].result()
    wanted = NewTopic(pipeline.source.name, 2, 1, config=pipeline.source.config())
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            admin.create_topics([wanted])[pipeline.source.name].result()
            break
        except Exception:
            time.sleep(0.3)
    worker = pipeline.start_worker()
    assert worker.wait(120) == 70
    assert "made anew" in pipeline.log(worker)
