"""Frames and dead letters to Kafka, acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from time import monotonic

import polars as pl
from confluent_kafka import KafkaError, Message, Producer

from schemas.avro_types import frame_schema
from schemas.deadletters import DeadLetter
from schemas.encoding import FrameEncoder, texts
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.topic import Topic
from schemas.wire import prefix
from streams.columnar.errors import RuntimeStoppedError
from streams.columnar.handler import TopicPartition
from streams.columnar.kafka.producer import ColumnProducer


class NotAcknowledgedError(RuntimeStoppedError):
    """The broker did not take everything: nothing of the flush may count as done."""


class Sink:
    """Idempotent producers of frames and of letters. Used by one flush at a time."""

    def __init__(self, kafka: dict[str, str], registry: Registry) -> None:
        self._config = producer_config(
            kafka, **{"delivery.report.only.error": True, "linger.ms": 20}
        )
        self._rows = ColumnProducer(self._config)
        self._registry = registry
        self._encoders: dict[str, FrameEncoder] = {}
        self._sent: Counter[TopicPartition] = Counter()
        self._refused: list[str] = []

    @cached_property
    def _letters(self) -> Producer:
        """Letters have headers, which columns have not. There may never be any."""
        return Producer(self._config)

    def send(self, topic: Topic, frame: pl.DataFrame, *, partition: int | None = None) -> int:
        """Encode and queue every row under its key.

        Args:
            frame: columns of the topic's schema, others are ignored.
            partition: None lets the key choose.

        Returns:
            Rows queued.
        """
        if frame.is_empty():
            return 0
        schema = frame_schema(topic.schema)
        frame = frame.select(schema.names()).cast(schema)
        keys = texts(frame[topic.key])
        queued = 0
        for values in self._encoder(topic).blocks(frame):
            rows = slice(queued, queued + len(values.lengths))
            self._rows.produce(topic.name, partition, keys.part(rows), values)
            queued = rows.stop
        if partition is not None:
            self._sent[TopicPartition(topic.name, partition)] += queued
        return queued

    def send_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Queue dead letters."""
        for letter in letters:
            while True:
                try:
                    self._letters.produce(
                        letter.topic,
                        letter.value,
                        letter.key,
                        headers=letter.headers,
                        on_delivery=self._answered,
                    )
                    break
                except BufferError:
                    self._letters.poll(0.05)

    def acknowledged(self, timeout: float) -> Mapping[TopicPartition, int]:
        """Wait until the broker has everything.

        Returns:
            Rows sent since the last call, of each partition that `send` was told.

        Raises:
            NotAcknowledgedError: something was refused, or is open after `timeout` seconds.
        """
        deadline = monotonic() + timeout
        open_ = self._rows.flush(timeout)
        if "_letters" in self.__dict__:
            open_ += self._letters.flush(max(0.0, deadline - monotonic()))
        refused = self._rows.take_refused() + self._refused
        sent, self._sent, self._refused = self._sent, Counter(), []
        if refused:
            raise NotAcknowledgedError(f"{len(refused)} records refused, the first: {refused[0]}")
        if open_:
            raise NotAcknowledgedError(f"{open_} records not acknowledged after {timeout:g} s")
        return sent

    def _encoder(self, topic: Topic) -> FrameEncoder:
        encoder = self._encoders.get(topic.name)
        if encoder is None:
            encoder = FrameEncoder(topic.schema, prefix(self._registry.id_of(topic)))
            self._encoders[topic.name] = encoder
        return encoder

    def _answered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append(f"{error} (key {message.key()!r})")
