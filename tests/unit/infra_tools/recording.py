"""A publisher that keeps what it is given instead of sending it."""

from __future__ import annotations

from typing import Any

from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.topic import Topic
from tests.unit.schemas.fake_registry import FakeRegistry

_SCHEMAS = {number: topic.schema for number, topic in enumerate(TOPICS.values(), 1)}


class RecordingPublisher(Publisher):
    """Checks and encodes as the real one does; `sent` has topic, event and bytes."""

    def __init__(self) -> None:
        super().__init__({"bootstrap.servers": ""}, Codec(FakeRegistry(_SCHEMAS)), source="test")
        self.sent: list[tuple[Topic, dict[str, Any], bytes]] = []
        self.flushed = False

    def publish(self, topic: Topic, record: dict[str, Any], **arguments: Any) -> None:
        value = arguments.get("value") or self.codec.encode(topic, record)
        self.sent.append((topic, record, value))

    def flush(self, timeout: float = 30.0) -> None:
        self.flushed = True

    def decoded(self) -> list[dict[str, Any]]:
        return [self.codec.decode(topic, value) for topic, _, value in self.sent]
