"""An agent's lag as Kafka tells it, without a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.settings import Settings
from schemas.agents import AGENTS, group_of
from schemas.catalogue import Topic
from streams.log_view import LogView
from tests.integration.columnar.topics import PARTITIONS, Feed, create, source_topic

T = TypeVar("T")


@pytest.fixture
def topic(stack_settings: Settings, unique: Callable[[str], str]) -> Topic:
    """Ten records in each partition."""
    topic = source_topic(unique("engagement"))
    create(stack_settings, topic)
    feed = Feed(stack_settings, topic)
    for partition in range(PARTITIONS):
        for _ in range(10):
            feed.raw(b"v", b"x", partition)
    feed.flush()
    return topic


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, topic: Topic) -> str:
    monkeypatch.setitem(AGENTS, topic.name, (topic,))
    return topic.name


@pytest.fixture
def view(stack_settings: Settings, topic: Topic) -> Iterator[LogView]:
    names = [topic.name, topic.dlq, "no.such.topic"]
    with closing(LogView(stack_settings.kafka_config(), names, 20.0)) as view:
        yield view


def settled(ask: Callable[[], T]) -> T:
    """Ask again while the coordinator of a broker that has just started is not there yet."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def commit(settings: Settings, agent: str, *where: TopicPartition) -> None:
    config = {**settings.kafka_config(), "group.id": group_of(agent)}
    with closing(Consumer(config)) as consumer:
        settled(lambda: consumer.commit(offsets=list(where), asynchronous=False))


def test_an_agent_that_never_committed_has_no_lag_to_tell(view: LogView, agent: str) -> None:
    bounds = view.bounds()
    parts = {(agent, partition): (0, 10) for partition in range(PARTITIONS)}
    assert bounds == {**parts, (f"{agent}.dlq", 0): (0, 0)}
    assert settled(lambda: view.unread(agent, bounds)) is None


def test_what_is_committed_or_expired_is_not_to_be_read(
    stack_settings: Settings, view: LogView, agent: str
) -> None:
    commit(stack_settings, agent, TopicPartition(agent, 0, 7))
    admin = AdminClient(stack_settings.kafka_config())
    expired = [TopicPartition(agent, 1, 4)]
    for answer in admin.delete_records(expired).values():
        answer.result()
    unread = view.unread(agent, view.bounds())
    assert unread == (3 + 6, {(agent, 0): 7, (agent, 1): 4})
    commit(
        stack_settings, agent, *(TopicPartition(agent, number, 10) for number in range(PARTITIONS))
    )
    assert view.unread(agent, view.bounds()) == (0, {})


def test_a_topic_that_is_switched_off_is_no_lag(
    stack_settings: Settings, view: LogView, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(stack_settings, agent, TopicPartition(agent, 0, 10))
    (topic,) = AGENTS[agent]
    monkeypatch.setitem(AGENTS, agent, (topic, replace(topic, name=topic.dlq)))
    bounds = {**view.bounds(), (topic.dlq, 0): (0, 5)}
    assert view.unread(agent, bounds) == (10, {(agent, 1): 0})
    commit(stack_settings, agent, TopicPartition(topic.dlq, 0, 2))
    assert view.unread(agent, bounds) == (10 + 3, {(agent, 1): 0, (topic.dlq, 0): 2})
