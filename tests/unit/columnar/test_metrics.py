"""Metrics say what happened to chunks, rows and letters; nothing is left out or counted twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import polars as pl
import pytest

from schemas.catalogue import ENGAGEMENT, VIRALITY_SCORES
from schemas.deadletters import DeadLetter
from streams.columnar.folding import AgentSpec, FoldingHandler
from streams.columnar.handler import TopicPartition
from streams.columnar.lag import Lag
from streams.columnar.metrics import FoldingMetrics, Metrics
from streams.columnar.sink import Sink
from tests.unit.columnar.test_partition import CountingFold, chunk, partition, value
from tests.unit.schemas.fake_registry import FakeRegistry

AGENT = {"agent": "counting"}
TOPIC = {**AGENT, "topic": ENGAGEMENT.name}
PARTITION = {**TOPIC, "partition": "0"}
WHERE = TopicPartition(ENGAGEMENT.name, 0)


class KeepingSink(Sink):
    """Takes everything at once."""

    def __init__(self) -> None:
        pass

    def send(self, topic: Any, frame: pl.DataFrame, *, partition: int | None = None) -> int:
        return frame.height

    def send_letters(self, letters: Iterable[DeadLetter]) -> None:
        pass

    def acknowledged(self, timeout: float) -> dict[object, int]:
        return {}


@pytest.fixture
def handler() -> FoldingHandler:
    spec = AgentSpec("counting", ENGAGEMENT, VIRALITY_SCORES, CountingFold(), horizon=10)
    registry = FakeRegistry({1: ENGAGEMENT.schema, 2: VIRALITY_SCORES.schema})
    handler = FoldingHandler(spec, {"bootstrap.servers": "127.0.0.1:1"}, registry)
    handler._sink = KeepingSink()
    handler._partitions = {WHERE: partition()}
    return handler


def sample(metrics: Metrics, name: str, labels: dict[str, str]) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_chunks_are_decoded_and_folded_rows_wait_and_are_flushed(handler: FoldingHandler) -> None:
    metrics = handler.metrics

    async def work() -> None:
        ahead = chunk([value(0, "v"), value(1, "w"), b"no avro"], 0)
        handler.expect(ahead)
        await handler.process(ahead)
        await handler.process(chunk([value(3, "v")], 3))
        assert sample(metrics, "agent_keys", PARTITION) == 2
        assert sample(metrics, "agent_dirty_rows", PARTITION) == 2
        assert sample(metrics, "agent_dead_letters_total", TOPIC) == 0
        await handler.flush()
        await handler.flush()  # nothing has changed

    asyncio.run(work())
    assert sample(metrics, "agent_decode_seconds_count", AGENT) == 2
    assert sample(metrics, "agent_fold_seconds_count", AGENT) == 2
    assert sample(metrics, "agent_flush_seconds_count", AGENT) == 1
    assert sample(metrics, "agent_flushed_rows_total", AGENT) == 2
    assert sample(metrics, "agent_dead_letters_total", TOPIC) == 1
    assert sample(metrics, "agent_dirty_rows", PARTITION) == 0
    assert sample(metrics, "agent_keys", PARTITION) == 2


def test_a_chunk_counts_its_records_and_moves_the_lag() -> None:
    metrics = Metrics("counting", ENGAGEMENT.name)
    position = 0
    metrics.own({WHERE: Lag(lambda: position, lambda: None, 10)})
    assert sample(metrics, "agent_lag_events", PARTITION) == 10
    position = 4
    metrics.processed(chunk([b""] * 4, 0))
    assert sample(metrics, "agent_chunk_records_sum", TOPIC) == 4
    assert sample(metrics, "agent_chunk_records_bucket", {**TOPIC, "le": "1.0"}) == 0
    assert sample(metrics, "agent_chunk_records_bucket", {**TOPIC, "le": "10.0"}) == 1
    assert sample(metrics, "agent_lag_events", PARTITION) == 6
    metrics.look({WHERE: 12})
    assert sample(metrics, "agent_lag_events", PARTITION) == 8


def test_what_is_no_longer_owned_is_no_longer_shown() -> None:
    metrics = FoldingMetrics("counting", ENGAGEMENT.name)
    metrics.own({WHERE: Lag(lambda: 0, lambda: None, 10)})
    metrics.set_rows(WHERE, keys=3, dirty=2)
    metrics.set_parked(WHERE, 5)
    of_partition = ["agent_keys", "agent_dirty_rows", "agent_parked_keys", "agent_lag_events"]
    assert [sample(metrics, name, PARTITION) for name in of_partition] == [3, 2, 5, 10]
    metrics.disown()
    assert [sample(metrics, name, PARTITION) for name in of_partition] == [None] * 4
    metrics.processed(chunk([b""], 0))  # one that was under way
    assert sample(metrics, "agent_chunk_records_sum", TOPIC) == 1


def test_counters_are_there_from_the_start() -> None:
    """A counter that first appears with its first increase hides that increase from `rate`."""
    metrics = FoldingMetrics("counting", ENGAGEMENT.name)
    assert sample(metrics, "agent_dead_letters_total", TOPIC) == 0
    assert sample(metrics, "agent_flushed_rows_total", AGENT) == 0
    assert sample(metrics, "agent_repaired_rows_total", AGENT) == 0


def test_the_size_of_the_process_is_there() -> None:
    rss = sample(Metrics("counting"), "process_resident_memory_bytes", {})
    assert rss is not None
    assert rss > 1_000_000
