"""Learned curves, taken over by a running process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from confluent_kafka import Producer

from infra.outlier_growth import serving
from infra.settings import Settings
from schemas.catalogue import OUTLIER_GROWTH
from schemas.codec import Codec
from schemas.json_events import from_json
from schemas.registry import Registry
from schemas.topic import Topic
from streams.outliers.growths import Growths
from streams.outliers.model.growth import Growth
from tests.integration.columnar.topics import create

PATIENCE = 30.0  # seconds; it takes less than one


@pytest.fixture
def topic(stack_settings: Settings, unique: Callable[[str], str]) -> Topic:
    topic = replace(OUTLIER_GROWTH, name=unique("growth"), events=OUTLIER_GROWTH.name)
    create(stack_settings, topic)
    return topic


@pytest.fixture
def codec(stack_settings: Settings) -> Iterator[Codec]:
    with Registry(stack_settings.registry_config()) as registry:
        yield Codec(registry)


def told(
    settings: Settings, codec: Codec, topic: Topic, content: str, key: str = "default"
) -> None:
    record = {
        "event_id": "e",
        "occurred_at": "2026-01-01T00:00:00Z",
        "growth_id": key,
        "growth": "g",
        "content": content,
        "learned_from": "{}",
        "evaluation": "{}",
    }
    send(settings, topic, codec.encode(topic, from_json(topic, record)), key)


def send(settings: Settings, topic: Topic, value: bytes | None, key: str = "default") -> None:
    producer = Producer({**settings.kafka_config(), "log_level": 0})
    producer.produce(topic.name, key=key, value=value)
    assert producer.flush(PATIENCE) == 0


def test_what_was_learned_is_in_force_without_a_restart(
    stack_settings: Settings, codec: Codec, topic: Topic
) -> None:
    shipped = Growth.default()
    one, two = (replace(shipped, forgetting=value) for value in (0.5, 0.7))
    with Growths(stack_settings.kafka_config(), codec, topic) as growths:
        assert growths().version == shipped.version
        told(stack_settings, codec, topic, one.to_json())
        assert growths.await_version(one.version, PATIENCE)
        assert growths() == one
        # What cannot be read is passed over, and those before go on.
        told(stack_settings, codec, topic, '{"curves": 7}')
        send(stack_settings, topic, b"no event")
        told(stack_settings, codec, topic, two.to_json())
        assert growths.await_version(two.version, PATIENCE)
    with Growths(stack_settings.kafka_config(), codec, topic) as later:
        assert later().version == two.version


def test_commands_and_agents_agree_on_what_serves(
    stack_settings: Settings, codec: Codec, topic: Topic
) -> None:
    one, two, three = (replace(Growth.default(), forgetting=value) for value in (0.5, 0.6, 0.7))

    def serve() -> Growth:
        with Growths(stack_settings.kafka_config(), codec, topic) as growths:
            assert growths() == serving(stack_settings, topic)
            return growths()

    assert serve() == Growth.default()
    told(stack_settings, codec, topic, one.to_json())
    told(stack_settings, codec, topic, three.to_json(), "another set")
    told(stack_settings, codec, topic, one.to_json().replace('"tau2": ', '"tau2": 1' + 400 * "0"))
    told(stack_settings, codec, topic, "[" * 100_000)
    assert serve() == one
    send(stack_settings, topic, None)
    assert serve() == Growth.default()
    told(stack_settings, codec, topic, two.to_json())
    assert serve() == two


def test_a_topic_that_is_not_there_yet_leaves_those_that_ship(
    stack_settings: Settings, codec: Codec, unique: Callable[[str], str]
) -> None:
    missing = replace(OUTLIER_GROWTH, name=unique("growth"), events=OUTLIER_GROWTH.name)
    growths = Growths(stack_settings.kafka_config(), codec, missing)
    growths.start(0.5)
    try:
        assert growths() == Growth.default()
        create(stack_settings, missing)
        one = replace(Growth.default(), tau2=0.5)
        told(stack_settings, codec, missing, one.to_json())
        assert growths.await_version(one.version, PATIENCE)
    finally:
        growths.close()
