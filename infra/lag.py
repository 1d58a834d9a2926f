"""How long the topics are, and how far the agents are behind them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaException, TopicPartition

from schemas.agents import AGENTS
from schemas.catalogue import TOPICS
from streams.columnar.kafka.groups import Place
from streams.log_view import Bounds, LogView

_TIMEOUT = 10.0  # seconds
_RECORD_S = 5.0  # for a single record


class KafkaAwayError(Exception):
    """Kafka does not answer."""


def log_view(kafka: dict[str, str]) -> LogView:
    """The catalogue's topics and their dead letters; close it afterwards."""
    names = [name for topic in TOPICS.values() for name in (topic.name, topic.dlq)]
    return LogView(kafka, names, _TIMEOUT)


def bounds(view: LogView, kafka: dict[str, str]) -> Bounds:
    """Where each partition begins and ends.

    Raises:
        KafkaAwayError: Kafka does not answer.
    """
    try:
        return view.bounds()
    except KafkaException as error:
        raise KafkaAwayError(
            f"Kafka at {kafka['bootstrap.servers']} does not answer: {error.args[0].str()}"
        ) from None


def topic_sizes(bounds: Bounds) -> list[dict[str, Any]]:
    """Partitions and records of each topic of the catalogue that exists."""
    sizes = []
    for topic in TOPICS:
        spans = [span for (name, _), span in bounds.items() if name == topic]
        if spans:
            events = sum(end - first for first, end in spans)
            sizes.append({"name": topic, "partitions": len(spans), "events": events})
    return sizes


def agent_lags(view: LogView, kafka: dict[str, str], bounds: Bounds) -> list[dict[str, Any]]:
    """Events and seconds that each agent is behind; None for one that never committed.

    Seconds are the age of the oldest record that is still to be read.
    """
    return [{"name": agent, **_lag(view, kafka, agent, bounds)} for agent in AGENTS]


def _lag(view: LogView, kafka: dict[str, str], agent: str, bounds: Bounds) -> dict[str, Any]:
    try:
        unread = view.unread(agent, bounds)
    except KafkaException:
        unread = None
    if unread is None:
        return {"lag_events": None, "lag_seconds": None}
    return {
        "lag_events": unread.events,
        "lag_seconds": _age(kafka, unread.starts) if unread.starts else 0.0,
    }


def _age(kafka: dict[str, str], starts: Mapping[Place, int]) -> float | None:
    # It joins no group; the name only has to be there.
    options = {"group.id": "groundswell.lag", "enable.auto.commit": False}
    with closing(Consumer({**kafka, **options, "auto.offset.reset": "error"})) as consumer:
        times = [_received(consumer, *place, offset) for place, offset in starts.items()]
    known = [time for time in times if time is not None]
    return round(max(0.0, time.time() - min(known) / 1000), 3) if known else None


def _received(consumer: Consumer, topic: str, partition: int, offset: int) -> int | None:
    """When the log received the record at an offset or the next one, in ms since 1970."""
    try:
        consumer.assign([TopicPartition(topic, partition, offset)])
        message = consumer.poll(_RECORD_S)
    except KafkaException:
        return None
    if message is None or message.error() is not None:
        return None
    kind, millis = message.timestamp()
    return None if kind == TIMESTAMP_NOT_AVAILABLE else int(millis)
