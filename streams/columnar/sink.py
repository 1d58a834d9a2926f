"""Frames and dead letters to Kafka, acknowledged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from confluent_kafka import KafkaError, Message, Producer

from schemas.avro_types import frame_schema
from schemas.deadletters import DeadLetter
from schemas.encoding import FrameEncoder
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.topic import Topic
from schemas.wire import prefix
from streams.columnar.errors import RuntimeStoppedError

_BATCH = 10_000  # records handed to librdkafka between two polls


class NotAcknowledgedError(RuntimeStoppedError):
    """The broker did not take everything: nothing of the flush may count as done."""


class Sink:
    """An idempotent producer of frames. Used by one flush at a time."""

    def __init__(self, kafka: dict[str, str], registry: Registry) -> None:
        self._producer = Producer(
            producer_config(kafka, **{"delivery.report.only.error": True, "linger.ms": 20})
        )
        self._registry = registry
        self._encoders: dict[str, FrameEncoder] = {}
        self._refused: list[str] = []

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
        values = self._encoder(topic).encode(frame)
        keys = frame[topic.key].to_list()
        where: dict[str, Any] = {} if partition is None else {"partition": partition}
        for at in range(0, len(values), _BATCH):
            part = slice(at, at + _BATCH)
            batch: list[dict[str, Any]] = [
                {"key": key, "value": value}
                for key, value in zip(keys[part], values[part], strict=True)
            ]
            while batch:
                self._producer.produce_batch(topic.name, batch, on_delivery=self._answered, **where)
                batch = self._not_queued(batch)
                self._producer.poll(0.01 if batch else 0)
        return len(values)

    def send_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Queue dead letters."""
        for letter in letters:
            while True:
                try:
                    self._producer.produce(
                        letter.topic,
                        letter.value,
                        letter.key,
                        headers=letter.headers,
                        on_delivery=self._answered,
                    )
                    break
                except BufferError:
                    self._producer.poll(0.05)

    def acknowledged(self, timeout: float) -> None:
        """Wait until the broker has everything.

        Raises:
            NotAcknowledgedError: something was refused, or is open after `timeout` seconds.
        """
        open_ = self._producer.flush(timeout)
        refused, self._refused = self._refused, []
        if refused:
            raise NotAcknowledgedError(f"{len(refused)} records refused, the first: {refused[0]}")
        if open_:
            raise NotAcknowledgedError(f"{open_} records not acknowledged after {timeout:g} s")

    def _not_queued(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Records to try again, because the queue was full; other errors are final."""
        again = []
        for record in batch:
            error = record.pop("_error", None)
            if error is None:
                continue
            if error.code() == KafkaError._QUEUE_FULL:
                again.append(record)
            else:
                self._refused.append(str(error))
        return again

    def _encoder(self, topic: Topic) -> FrameEncoder:
        encoder = self._encoders.get(topic.name)
        if encoder is None:
            encoder = FrameEncoder(topic.schema, prefix(self._registry.id_of(topic)))
            self._encoders[topic.name] = encoder
        return encoder

    def _answered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._refused.append(str(error))
