"""Analyses and content in their topics: everything, in order, however often the relay is begun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.settings import Settings
from schemas.catalogue import OUTLIER_ANALYSES, OUTLIER_CONTENT
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.decisions.publishing import publish_to
from streams.decisions.relay import Relay
from streams.outliers.analyses.analysis import ANALYSES
from streams.outliers.analyses.schema import prepare
from streams.outliers.content.story import CONTENT
from tests.integration.outliers.runs import ask, events, run
from tests.unit.outliers.analyses.a_world import World
from tests.unit.outliers.analyses.stories import CONTENT as ASKED
from tests.unit.outliers.analyses.stories import request


def test_stories_are_in_their_topics_as_they_were_decided(
    database: str, stack_settings: Settings, unique: Callable[[str], str]
) -> None:
    prepare(database)
    codec = Codec(Registry(stack_settings.registry_config()))
    kafka = stack_settings.kafka_config()
    topics = {
        domain: Topic(unique(topic.name), topic.key, "", 1, columnar=False, events=topic.name)
        for domain, topic in (
            (ANALYSES.domain, OUTLIER_ANALYSES),
            (CONTENT.domain, OUTLIER_CONTENT),
        )
    }
    admin = AdminClient(kafka)
    for made in admin.create_topics([NewTopic(one.name, 1) for one in topics.values()]).values():
        made.result()
    for topic in topics.values():
        codec.registry.register(topic)
    read = {domain: _Reader(kafka, codec, topic) for domain, topic in topics.items()}

    async def relay(domain: str, enough: int) -> None:
        publisher = Publisher(kafka, codec, source="test")
        relaying = asyncio.create_task(
            Relay(database, domain, publish_to(publisher, topics[domain])).run()
        )
        while len(read[domain].events) < enough:
            assert not relaying.done(), relaying.result()
            await asyncio.to_thread(read[domain].look)
        relaying.cancel()
        with suppress(asyncio.CancelledError):
            await relaying

    async def scenario() -> None:
        world = World()
        await ask(database, "a", request(world))
        await run(database, world, "a")
        told = await events(database, "a")
        await relay(ANALYSES.domain, 5)
        await relay(ANALYSES.domain, len(told))
        got = read[ANALYSES.domain].events
        in_order = {one["version"]: one for one in got}  # a relay may repeat
        assert list(in_order) == list(range(1, len(told) + 1))
        assert [one["_type"] for one in in_order.values()] == [kind for kind, _ in told]
        assert {one["analysis_id"] for one in got} == {"a"}
        assert in_order[len(told)]["results"] == told[-1][1]["results"]
        await relay(CONTENT.domain, 1)
        [changed] = read[CONTENT.domain].events
        assert (changed["content_id"], changed["version"]) == ("default", 1)
        assert changed["content"] == ASKED.model_dump_json()

    try:
        asyncio.run(scenario())
    finally:
        for reader in read.values():
            reader.close()
        codec.registry.close()


class _Reader:
    def __init__(self, kafka: dict[str, str], codec: Codec, topic: Topic) -> None:
        self.events: list[dict[str, Any]] = []
        self._codec = codec
        self._topic = topic
        self._consumer = Consumer({**kafka, "group.id": topic.name})
        self._consumer.assign([TopicPartition(topic.name, 0, OFFSET_BEGINNING)])

    def look(self) -> None:
        for message in self._consumer.consume(500, 0.2):
            value = message.value()
            if message.error() is None and value is not None:
                self.events.append(self._codec.decode(self._topic, value, message.headers()))

    def close(self) -> None:
        self._consumer.close()
