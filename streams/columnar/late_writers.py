"""Rows that somebody else writes into an output partition while it is ours.

A worker that lost its partitions can still have rows on their way: it was stopped in the middle of
a flush, or its broker connection hung. They are older than ours and stand behind them in the log,
and compaction would keep the wrong ones. We know what we have written, so the log tells: if its end
is further than our own rows reach, somebody else's are among them. Those that came out last of
their key, while we have newer, are written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.catalogue import Topic
from schemas.frames import FrameDecoder
from schemas.registry import Registry
from streams.columnar.partition import APPLIED
from streams.columnar.restore import read_to_end, reader_config

log = structlog.get_logger()

_LATEST = -1  # Kafka's timestamp for the end of a log
_ANSWER_S = 5.0
_GENERATION = "generation"


@dataclass
class _Log:
    """What is known of an output partition.

    Attributes:
        looked_up_to: everything before this offset is in our state.
        written: rows that we have written since, acknowledged.
    """

    looked_up_to: int
    written: int = 0


class OutputWatch:
    """Watches the ends of the output partitions that this worker owns. Not for several threads."""

    def __init__(self, kafka: dict[str, str], topic: Topic, registry: Registry) -> None:
        self._topic = topic
        self._decoder = FrameDecoder(registry, topic, (topic.key, APPLIED, _GENERATION))
        self._consumer = Consumer(reader_config(kafka, topic))
        self._logs: dict[int, _Log] = {}

    def owned(self, ends: Mapping[int, int]) -> None:
        """From now on these partitions are ours; they were restored up to those offsets."""
        self._logs = {partition: _Log(end) for partition, end in ends.items()}

    def wrote(self, partition: int, rows: int) -> None:
        """The broker has acknowledged that many rows of ours."""
        if partition in self._logs:
            self._logs[partition].written += rows

    def others(self) -> dict[int, pl.DataFrame]:
        """What stands last, per key, among rows that others wrote and ours beside them.

        Returns:
            By partition, only where others have written since the last call: the key,
            `applied_offset` and `generation`, one row per key. Nothing while the broker cannot be
            reached; the next call looks at the same rows.

        Raises:
            RestoreError: what others wrote is no state row, or the broker stopped answering.
        """
        try:
            return {
                partition: self._last_rows(partition)
                for partition, end in self._ends().items()
                if self._has_others(partition, end)
            }
        except KafkaException as error:
            log.warning("cannot see who writes", topic=self._topic.name, reason=str(error))
            return {}

    def _ends(self) -> dict[int, int]:
        if not self._logs:
            return {}
        asked = [TopicPartition(self._topic.name, number, _LATEST) for number in self._logs]
        answered = self._consumer.offsets_for_times(asked, timeout=_ANSWER_S)
        for answer in answered:
            if answer.error is not None:
                raise KafkaException(answer.error)
        return {answer.partition: int(answer.offset) for answer in answered}

    def _has_others(self, partition: int, end: int) -> bool:
        seen = self._logs[partition]
        if end > seen.looked_up_to + seen.written:
            return True
        if end == seen.looked_up_to + seen.written:
            self._logs[partition] = _Log(end)
        return False

    def _last_rows(self, partition: int) -> pl.DataFrame:
        start = self._logs[partition].looked_up_to
        where = TopicPartition(self._topic.name, partition, start)
        self._consumer.assign([where])
        try:
            frames, end = read_to_end(self._consumer, where, self._decoder)
        finally:
            self._consumer.unassign()
        self._logs[partition] = _Log(end)
        rows = pl.concat(frames) if frames else pl.DataFrame(schema=self._decoder.schema)
        log.warning(
            "somebody else writes to a partition of ours",
            topic=self._topic.name,
            partition=partition,
            first=start,
            last=end - 1,
            generations=rows[_GENERATION].unique().sort().to_list(),
        )
        last = rows.sort("_offset").unique(self._topic.key, keep="last")
        return last.select(self._topic.key, APPLIED, _GENERATION)
