"""The log as it stands now, read once from one end to the other and outside any group."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas.chunks import Chunk

_BATCH = 10_000  # records of one fetch
_TIMEOUT = 30.0  # seconds without an answer after which the broker counts as away


class LogReadError(Exception):
    """A topic cannot be read; the message says which and why."""


class LogReader:
    """Reads slices of topics; close it by `opened`."""

    def __init__(self, kafka: dict[str, str]) -> None:
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": "groundswell.reader",  # never joined: partitions are assigned by hand
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # retention overtook us: say so, do not skip
                "enable.partition.eof": False,
                "fetch.max.bytes": 64 * 1024 * 1024,
            }
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def slices(
        self, topic: str, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> dict[int, tuple[int, int]]:
        """First offset and the one behind the last, per partition, as they are now.

        Args:
            since: from the first record that the log received then or later.
            until: up to the last record that the log received before then.

        Raises:
            LogReadError: the topic does not exist, or the broker does not answer.
        """
        with _explained(topic):
            metadata = self._consumer.list_topics(topic, timeout=_TIMEOUT).topics[topic]
            if metadata.error is not None:
                raise KafkaException(metadata.error)
            return {
                partition: self._slice(TopicPartition(topic, partition), since, until)
                for partition in sorted(metadata.partitions)
            }

    def chunks(self, topic: str, partition: int, first: int, last: int) -> Iterator[Chunk]:
        """The records of a slice; a chunk can be empty where compaction left nothing.

        Raises:
            LogReadError: the broker refuses or does not answer.
        """
        if first >= last:
            return
        with _explained(topic):
            self._consumer.assign([TopicPartition(topic, partition, first)])
            heard = time.monotonic()
            while True:
                messages = self._consumer.consume(_BATCH, 0.2)
                for message in messages:
                    if message.error() is not None:
                        raise KafkaException(message.error())
                if messages:
                    heard = time.monotonic()
                    yield _chunk(topic, partition, [m for m in messages if m.offset() < last])
                # Compaction leaves gaps, also at the end: the position tells, not the last record.
                [position] = self._consumer.position([TopicPartition(topic, partition)])
                if position.offset >= last:
                    return
                if time.monotonic() - heard > _TIMEOUT:
                    raise LogReadError(
                        f"{topic}/{partition}: nothing came for {_TIMEOUT:g} s at offset "
                        f"{position.offset} of {last}: is Kafka up?"
                    )

    def first_timestamp(self, topic: str, partition: int, offset: int) -> int | None:
        """When the log received the record at an offset or the next one, in ms since 1970."""
        with _explained(topic):
            self._consumer.assign([TopicPartition(topic, partition, offset)])
            message = self._consumer.poll(5.0)
            if message is None or message.error() is not None:
                return None
            return _timestamp(message)

    def _slice(
        self, place: TopicPartition, since: dt.datetime | None, until: dt.datetime | None
    ) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT)
        first = low if since is None else self._offset_at(place, since, high)
        last = high if until is None else self._offset_at(place, until, high)
        return first, last

    def _offset_at(self, place: TopicPartition, instant: dt.datetime, high: int) -> int:
        millis = int(instant.timestamp() * 1000)
        query = [TopicPartition(place.topic, place.partition, millis)]
        [found] = self._consumer.offsets_for_times(query, timeout=_TIMEOUT)
        # Below zero: no record is that late.
        return high if found.offset < 0 else min(int(found.offset), high)


@contextmanager
def opened(kafka: dict[str, str]) -> Iterator[LogReader]:
    """A reader that is closed afterwards."""
    reader = LogReader(kafka)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def _explained(topic: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise LogReadError(f"{topic} cannot be read: {error.args[0].str()}") from None


def _chunk(topic: str, partition: int, messages: list[Message]) -> Chunk:
    return Chunk(
        topic,
        partition,
        [message.offset() for message in messages],
        [_timestamp(message) for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
        [message.headers() or () for message in messages],
    )


def _timestamp(message: Message) -> int:
    kind, millis = message.timestamp()
    return 0 if kind == TIMESTAMP_NOT_AVAILABLE else int(millis)
