"""How long the topics are, and how far the agents are behind them."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.log_reader import opened
from schemas.agents import AGENTS, group_of
from schemas.catalogue import TOPICS
from streams.columnar.groups import committed_offsets

_TIMEOUT = 10.0  # seconds

Bounds = dict[tuple[str, int], tuple[int, int]]  # (topic, partition) -> first offset, end offset


class KafkaAwayError(Exception):
    """Kafka does not answer."""


def bounds(kafka: dict[str, str]) -> Bounds:
    """Where each partition of the catalogue's topics and their dead letters begins and ends.

    Raises:
        KafkaAwayError: Kafka does not answer.
    """
    names = {name for topic in TOPICS.values() for name in (topic.name, topic.dlq)}
    admin = AdminClient(kafka)
    try:
        found = admin.list_topics(timeout=_TIMEOUT).topics
        places = [
            TopicPartition(name, partition)
            for name in sorted(names & found.keys())
            for partition in found[name].partitions
        ]
        first = _offsets(admin, places, OffsetSpec.earliest())
        end = _offsets(admin, places, OffsetSpec.latest())
    except KafkaException as error:
        raise KafkaAwayError(
            f"Kafka at {kafka['bootstrap.servers']} does not answer: {error.args[0].str()}"
        ) from None
    return {place: (first[place], end[place]) for place in end}


def _offsets(
    admin: AdminClient, places: list[TopicPartition], which: Any
) -> dict[tuple[str, int], int]:
    if not places:
        return {}
    asked = admin.list_offsets(dict.fromkeys(places, which), request_timeout=_TIMEOUT)
    return {(p.topic, p.partition): int(answer.result().offset) for p, answer in asked.items()}


def topic_sizes(bounds: Bounds) -> list[dict[str, Any]]:
    """Partitions and records of each topic of the catalogue that exists."""
    sizes = []
    for topic in TOPICS:
        spans = [span for (name, _), span in bounds.items() if name == topic]
        if spans:
            events = sum(end - first for first, end in spans)
            sizes.append({"name": topic, "partitions": len(spans), "events": events})
    return sizes


def agent_lags(kafka: dict[str, str], bounds: Bounds) -> list[dict[str, Any]]:
    """Events and seconds that each agent is behind; None for one that never committed.

    Seconds are the age of the oldest record that is still to be read.
    """
    lags = []
    for agent, topics in AGENTS.items():
        names = {topic.name for topic in topics}
        places = {place: span for place, span in bounds.items() if place[0] in names}
        committed = _committed(kafka, group_of(agent), places)
        behind = {
            place: max(committed.get(place, 0), first)
            for place, (first, end) in places.items()
            if committed.get(place, 0) < end
        }
        events = sum(places[place][1] - offset for place, offset in behind.items())
        lags.append(
            {
                "name": agent,
                "lag_events": events if committed else None,
                "lag_seconds": (_age(kafka, behind) if behind else 0.0) if committed else None,
            }
        )
    return lags


def _committed(kafka: dict[str, str], group: str, bounds: Bounds) -> dict[tuple[str, int], int]:
    try:
        return committed_offsets(kafka, group, bounds, _TIMEOUT)
    except KafkaException:
        return {}


def _age(kafka: dict[str, str], behind: dict[tuple[str, int], int]) -> float | None:
    with opened(kafka) as reader:
        times = [reader.first_timestamp(*place, offset) for place, offset in behind.items()]
    known = [time for time in times if time is not None]
    return round(max(0.0, time.time() - min(known) / 1000), 3) if known else None
