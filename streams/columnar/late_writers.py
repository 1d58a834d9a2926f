"""Rows that somebody else writes into an output partition while it is ours.

A worker that lost its partitions can still have rows on their way: it was stopped in the middle of
a flush, or its broker connection hung. They are older than ours and stand behind them in the log,
and compaction would keep the wrong ones. We know what we have written, so the log tells: if its end
is further than our own rows reach, somebody else's are among them. Those that came out last of
their key, while we have newer, are written again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from time import monotonic

import polars as pl
import structlog
from aiokafka.errors import KafkaError
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.frames import FrameDecoder
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.kafka.reading import PartitionReader
from streams.columnar.partition import APPLIED
from streams.columnar.restore import decoded_rows

log = structlog.get_logger()

_LATEST = -1  # Kafka's timestamp for the end of a log
_ANSWER_S = 5.0
_LOOK_EVERY_S = 1.0
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
    """Watches the ends of the output partitions that this worker owns.

    Attributes:
        assignment: which one this is. A flush or a look may outlast it; what they find then is not
            about the partitions that are ours now.
    """

    def __init__(self, kafka: dict[str, str], topic: Topic, registry: Registry) -> None:
        self._topic = topic
        self._kafka = kafka
        self._decoder = FrameDecoder(registry, topic, (topic.key, APPLIED, _GENERATION))
        self._looked_at = 0.0
        self._logs: dict[int, _Log] = {}
        self.assignment = 0

    @cached_property
    def _consumer(self) -> Consumer:
        """It joins no group; the name only has to be there."""
        return Consumer({**self._kafka, "group.id": "groundswell.ends"})

    def owned(self, ends: Mapping[int, int]) -> None:
        """From now on these partitions are ours; they were restored up to those offsets."""
        self._logs = {partition: _Log(end) for partition, end in ends.items()}
        self.assignment += 1

    def wrote(self, partition: int, rows: int, assignment: int) -> None:
        """The broker has acknowledged that many rows of ours, sent in that assignment."""
        if assignment == self.assignment and partition in self._logs:
            self._logs[partition].written += rows

    async def others(self) -> dict[int, pl.DataFrame]:
        """What stands last, per key, among rows that others wrote and ours beside them.

        The broker is asked once a second.

        Returns:
            By partition, only where others have written since the last call: the key,
            `applied_offset` and `generation`, one row per key. Nothing while the broker cannot be
            reached; the next call looks at the same rows.

        Raises:
            RestoreError: what others wrote is no state row, or the broker stopped answering.
        """
        if monotonic() - self._looked_at < _LOOK_EVERY_S:
            return {}
        self._looked_at = monotonic()
        assignment = self.assignment
        found = {}
        try:
            for partition, end in (await asyncio.to_thread(self._ends)).items():
                if assignment == self.assignment and self._has_others(partition, end):
                    found[partition] = await self._last_rows(partition)
            return found if assignment == self.assignment else {}
        except (KafkaException, KafkaError, TimeoutError) as error:
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

    async def _last_rows(self, partition: int) -> pl.DataFrame:
        assignment, start = self.assignment, self._logs[partition].looked_up_to
        async with PartitionReader(self._kafka, self._topic.name, partition, start) as reader:
            frames = [decoded_rows(chunk, self._decoder) async for chunk in reader]
        end = reader.position
        if assignment == self.assignment:
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
