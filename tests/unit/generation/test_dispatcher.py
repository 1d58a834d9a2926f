"""The dispatcher measures what applies to it."""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.catalogue import GENERATION_REQUESTS, OUTLIER_DETECTIONS, Topic
from schemas.chunks import Chunk
from streams.generation.dispatch.dispatcher import DispatchHandler


class Burying:
    """Makes a dead letter of every record."""

    consumer = "burying"
    part = 100

    def __init__(self, topic: Topic) -> None:
        self.topic = topic

    async def handle(self, chunk: Chunk) -> int:
        return len(chunk)


def test_dead_letters_are_counted_by_topic() -> None:
    pool: Any = None  # never asked
    handler = DispatchHandler(pool, [Burying(GENERATION_REQUESTS), Burying(OUTLIER_DETECTIONS)])
    records = Burying.part + 50  # two parts
    nothing = [None] * records
    name = GENERATION_REQUESTS.name
    chunk = Chunk(name, 0, range(records), [0] * records, nothing, nothing, [()] * records)
    asyncio.run(handler.process(chunk))
    counted = {
        topic: handler.metrics.registry.get_sample_value(
            "agent_dead_letters_total", {"agent": "dispatcher", "topic": topic}
        )
        for topic in (name, OUTLIER_DETECTIONS.name)
    }
    assert counted == {name: records, OUTLIER_DETECTIONS.name: 0}
