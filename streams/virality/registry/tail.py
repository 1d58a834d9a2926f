"""The registry's topic, read from its beginning and then as it grows."""

from __future__ import annotations

import time
from typing import Any, Self

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from schemas.catalogue import VIRALITY_MODELS
from schemas.codec import Codec
from schemas.errors import SchemaError
from schemas.topic import Topic
from streams.virality.registry.models import Models, RegistryError

_POLL_S = 0.2
_AT_ONCE = 500  # records

log = structlog.get_logger()


class ModelTail:
    """Folds the topic. It belongs to one thread and to no group.

    Attributes:
        models: the registry as of what was read so far.

    Every method that reads raises SchemaRegistryError where schemas cannot be asked for; what was
    read then is lost to this tail: begin with a new one.
    """

    def __init__(self, kafka: dict[str, str], codec: Codec, topic: Topic = VIRALITY_MODELS) -> None:
        self.models = Models()
        self._codec = codec
        self._topic = topic
        self._next = 0
        self._where = TopicPartition(topic.name, 0, OFFSET_BEGINNING)
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": f"{topic.name}.readers",  # librdkafka wants one; nothing is committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,  # librdkafka's own lines; what matters comes as errors
                "fetch.wait.max.ms": 500,
                "error_cb": lambda error: log.debug("models_kafka", error=str(error)),
            }
        )
        self._consumer.assign([self._where])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def catch_up(self, seconds: float) -> Models:
        """Read up to the end that the topic has now, or further.

        Raises:
            RegistryError: that was not possible within so many seconds; it can be tried again.
        """
        deadline = time.monotonic() + seconds
        end = self._end(seconds)
        while self._next < end:
            if time.monotonic() > deadline:
                raise RegistryError(
                    f"{self._topic.name} was read up to {self._next} of {end} within {seconds:g} s"
                )
            self.wait(_POLL_S)
        return self.models

    def wait(self, seconds: float) -> bool:
        """Wait for events, and fold them; whether any came."""
        came = False
        for message in self._consumer.consume(_AT_ONCE, seconds):
            error = message.error()
            if error is not None:
                log.warning("models_not_read", topic=self._topic.name, error=str(error))
                continue
            came |= self._fold(message)
            offset = message.offset()
            assert offset is not None
            self._next = offset + 1
        return came

    def _end(self, seconds: float) -> int:
        try:
            _, end = self._consumer.get_watermark_offsets(self._where, timeout=seconds)
        except KafkaException as error:
            raise RegistryError(
                f"{self._topic.name} cannot be read ({error.args[0].str()}): is Kafka up, and was "
                "the stack provisioned?"
            ) from None
        return int(end)

    def _fold(self, message: Message) -> bool:
        value = message.value()
        if value is None:
            return False
        headers: Any = message.headers()
        try:
            event = self._codec.decode(self._topic, value, headers)
            self.models = self.models.after(event)
        except (SchemaError, ValueError, TypeError, KeyError) as error:
            # Whoever wrote it: one bad record must not take the registry away from everybody.
            log.error(
                "model_event_unreadable",
                topic=self._topic.name,
                offset=message.offset(),
                error=str(error),
            )
            return False
        return True
