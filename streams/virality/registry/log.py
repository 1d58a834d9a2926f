"""The registry's topic, folded as chunks of it come."""

from __future__ import annotations

import threading
from typing import Any

import structlog

from schemas.catalogue import VIRALITY_MODELS
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.errors import SchemaError
from schemas.topic import Topic
from streams.virality.registry.models import Models

log = structlog.get_logger()


class ModelLog:
    """What the topic says so far; safe between threads.

    Its one partition is followed by a [`TopicFollower`][streams.follower], which
    after a fault begins again: what was folded once is passed over.
    """

    def __init__(self, codec: Codec, topic: Topic = VIRALITY_MODELS) -> None:
        self._codec = codec
        self._topic = topic
        self._models = Models()
        self._next = 0
        self._moved = threading.Condition()

    @property
    def models(self) -> Models:
        """The registry as of what was read."""
        return self._models

    @property
    def position(self) -> int:
        """The offset after the last that was folded."""
        return self._next

    def beyond(self, position: int, seconds: float) -> bool:
        """Wait until more is folded than up to that position; whether it is."""
        with self._moved:
            return self._moved.wait_for(lambda: self._next > position, seconds)

    def take(self, chunk: Chunk) -> None:
        """Fold records of the topic.

        Raises:
            SchemaRegistryError: schemas cannot be asked for; the chunk can be taken again.
        """
        records = zip(chunk.offsets, chunk.values, chunk.headers, strict=True)
        for offset, value, headers in records:
            if offset < self._next:
                continue
            models = self._models if value is None else self._after(offset, value, headers)
            with self._moved:
                self._models, self._next = models, offset + 1
                self._moved.notify_all()

    def _after(self, offset: int, value: bytes, headers: Any) -> Models:
        try:
            return self._models.after(self._codec.decode(self._topic, value, headers))
        except (SchemaError, ValueError, TypeError, KeyError) as error:
            # Whoever wrote it: one bad record must not take the registry away from everybody.
            log.error(
                "model_event_unreadable",
                topic=self._topic.name,
                offset=offset,
                error=str(error),
            )
            return self._models
