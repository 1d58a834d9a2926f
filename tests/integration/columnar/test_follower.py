"""Reference data: a topic read to its end and then followed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.settings import Settings
from schemas.catalogue import VIDEO_UPLOADS
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.follower import BehindError, TopicFollower
from tests.integration.columnar.topics import create
from tests.integration.infra.waiting import until
from tests.unit.virality.test_engaged import upload


@pytest.fixture
def topic(unique: Callable[[str], str]) -> Topic:
    return replace(VIDEO_UPLOADS, name=unique("uploads"), events=VIDEO_UPLOADS.name, partitions=2)


def test_what_is_in_a_topic_has_been_taken_when_it_was_caught_up_with(
    stack_settings: Settings, topic: Topic
) -> None:
    create(stack_settings, topic)
    kafka, taken = stack_settings.kafka_config(), list[tuple[str, int]]()

    def take(chunk: Chunk) -> None:
        assert list(chunk.offsets) == sorted(chunk.offsets)
        taken.extend(zip(map(str, chunk.keys), chunk.offsets, strict=True))

    with Registry(stack_settings.registry_config()) as registry:
        publisher = Publisher(kafka, Codec(registry), source="tests")

        def publish(count: int) -> None:
            for number in range(count):
                publisher.publish(topic, upload(f"v{number}"))
            publisher.flush()

        with TopicFollower(kafka, {topic: take}) as follower:
            follower.catch_up(30)
            assert taken == []
            for round_ in range(1, 4):
                publish(300)
                time.sleep(1.1)  # for so long it does not ask again
                follower.catch_up(30)
                assert len(taken) == len(set(taken)) == 300 * round_


def test_a_topic_that_comes_later_is_waited_for(stack_settings: Settings, topic: Topic) -> None:
    with TopicFollower(stack_settings.kafka_config(), {topic: lambda _: None}) as follower:
        assert not follower.read_once(0.5)
        with pytest.raises(BehindError, match="is Kafka up"):
            follower.catch_up(0.1)
        create(stack_settings, topic)
        until(lambda: follower.read_once(0.1), "the topic to be read")


def test_what_cannot_be_taken_is_taken_again(stack_settings: Settings, topic: Topic) -> None:
    """From the beginning: so a fault of a moment loses nothing."""
    create(stack_settings, topic)
    seen = []

    def take(chunk: Chunk) -> None:
        seen.append(len(chunk))
        if len(seen) == 1:
            raise ConnectionError("the registry is away")

    with Registry(stack_settings.registry_config()) as registry:
        publisher = Publisher(stack_settings.kafka_config(), Codec(registry), source="tests")
        publisher.publish(topic, upload("v"))
        publisher.flush()
    with TopicFollower(stack_settings.kafka_config(), {topic: take}):
        until(lambda: len(seen) >= 2, "the record again")
    assert seen == [1, 1]
