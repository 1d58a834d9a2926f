"""Reading the log: from checkpoints, in spans, with Kafka's group sharing out the partitions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from projections.spans import Span
from schemas.chunks import Chunk

BATCH_RECORDS = 20_000
_FIRST_S = 0.1  # longest wait for the first record
# What comes so soon after it comes along. More comes while the last batch is being written.
_GATHER_S = 0.02
_WATERMARK_TIMEOUT = 10.0  # seconds for the broker to say where a partition begins and ends
_REPEAT_S = 60.0  # the same complaint of the broker is logged once in so many seconds

log = structlog.get_logger()

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought of one partition.

    Attributes:
        span: the offsets that it covers.
        chunk: their records; None where the span holds none (compacted away, control records).
        high: the partition's end as last heard.
    """

    span: Span
    chunk: Chunk | None
    high: int


class LogConsumer:
    """A member of the projection's group that starts wherever it is told to.

    The group's own offsets are never read: what counts is what the tables hold. They are written
    now and then for tools that show lag. After a rebalance, and whenever `restart` was called,
    `waiting` is true and nothing is fetched until `start` says where to begin.
    """

    def __init__(self, kafka: Mapping[str, Any], group: str, topics: Iterable[str]) -> None:
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # Records lost to retention must not be jumped over in silence.
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "partition.assignment.strategy": "range",
                "session.timeout.ms": 10_000,
                "topic.metadata.refresh.interval.ms": 30_000,
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 16 * 1024,
                "error_cb": self._complain,
            }
        )
        self._members: list[Partition] = []
        self._next: dict[Partition, int] = {}
        self._complaints: dict[str, float] = {}
        self.waiting = False
        self._consumer.subscribe(list(topics), on_assign=self._given, on_revoke=self._taken)

    @property
    def assigned(self) -> list[Partition]:
        """The partitions that the group gave to this member."""
        return list(self._members)

    def restart(self) -> None:
        """Drop what is buffered: the next fetch needs a `start`."""
        self._next.clear()
        self.waiting = True

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset of a partition, and the one after its last; asks the broker.

        Raises:
            KafkaException: it does not answer.
        """
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=_WATERMARK_TIMEOUT
        )
        return int(low), int(high)

    def high(self, topic: str, partition: int) -> int:
        """The partition's end as last heard of; at least where this consumer stands."""
        _, high = self._consumer.get_watermark_offsets(
            TopicPartition(topic, partition), cached=True
        )
        return max(int(high), self._next.get((topic, partition), 0))

    def start(self, positions: Mapping[Partition, tuple[int, int]]) -> None:
        """Fetch these partitions and no others.

        Args:
            positions: for each, the offset up to which everything is known to be applied (spans
                begin there), and the offset to fetch from (greater where records are lost).
        """
        self._consumer.assign(
            [TopicPartition(*where, offset) for where, (_, offset) in positions.items()]
        )
        self._next = {where: applied for where, (applied, _) in positions.items()}
        self.waiting = False

    def fetch(self) -> list[Fetched]:
        """What comes within 0.1 s, and soon after the first; at most 20,000 records, by partition.

        Raises:
            KafkaException: the client cannot go on.
        """
        messages = self._consumer.consume(1, _FIRST_S)
        if messages:
            messages += self._consumer.consume(BATCH_RECORDS - 1, _GATHER_S)
        records: dict[Partition, list[Message]] = {}
        ends: dict[Partition, int] = {}
        for message in messages:
            error = message.error()
            if error is None:
                where = (message.topic(), message.partition())
                try:
                    records[where].append(message)
                except KeyError:
                    records[where] = [message]
            elif error.code() == KafkaError._PARTITION_EOF:
                ends[message.topic(), message.partition()] = message.offset()
            else:
                self._failed(message, error)
        if self.waiting:  # a rebalance, or a reset: whatever came is fetched again
            return []
        fetched = []
        for where in records.keys() | ends.keys():
            found = self._span(where, records.get(where, []), ends.get(where, 0))
            if found is not None:
                fetched.append(found)
        return fetched

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Let lag tools see how far this member is; nothing depends on it."""
        offsets = [TopicPartition(*where, offset) for where, offset in positions.items()]
        if offsets:
            try:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException as error:
                log.debug("group offsets not written", reason=str(error))

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _span(self, where: Partition, messages: list[Message], end: int) -> Fetched | None:
        start = self._next.get(where)
        if start is None:
            return None
        stop = max(start, end)
        chunk = None
        if messages:
            chunk = _chunk(where, messages)
            stop = max(stop, chunk.last_offset + 1)
        elif stop == start:
            return None
        self._next[where] = stop
        return Fetched(Span(*where, start, stop), chunk, self.high(*where))

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._members = sorted((part.topic, part.partition) for part in partitions)
        consumer.assign([])  # nothing is fetched before the checkpoints are known
        self.restart()

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._members = []
        consumer.unassign()
        self.restart()

    def _failed(self, message: Message, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self.restart()
        self._complain(error)

    def _complain(self, error: KafkaError) -> None:
        now = time.monotonic()
        if now - self._complaints.get(error.name(), -_REPEAT_S) >= _REPEAT_S:
            self._complaints[error.name()] = now
            log.warning("kafka", reason=error.str(), error=error.name())


def _chunk(where: Partition, messages: list[Message]) -> Chunk:
    return Chunk(
        *where,
        [message.offset() for message in messages],
        [message.timestamp()[1] for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
        [message.headers() or () for message in messages],
    )
