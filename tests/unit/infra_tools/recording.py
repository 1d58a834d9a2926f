"""A publisher that keeps what it is given instead of sending it."""

from __future__ import annotations

from typing import Any

from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.topic import Topic
from tests.unit.schemas.fake_registry import FakeRegistry
from tests.unit.schemas.person_keys import MemoryKeys

_SCHEMAS = {number: topic.schema for number, topic in enumerate(TOPICS.values(), 1)}


class RecordingPublisher(Publisher):
    """Checks and encodes as the real one does; `sent` has topic, event and bytes."""

    def __init__(self) -> None:
        codec, sealer = Codec(FakeRegistry(_SCHEMAS)), Sealer(MemoryKeys())
        super().__init__({"bootstrap.servers": ""}, codec, source="test", sealer=sealer)
        self.sent: list[tuple[Topic, dict[str, Any], bytes]] = []
        self.flushed = False

    def publish(self, topic: Topic, record: dict[str, Any], **arguments: Any) -> None:
        value = arguments["value"]
        self.sent.append((topic, record, value))

    def flush(self, timeout: float = 30.0) -> None:
        self.flushed = True

    def decoded(self) -> list[dict[str, Any]]:
        return [self.codec.decode(topic, value) for topic, _, value in self.sent]
