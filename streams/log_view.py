"""The log from outside: how long it is, and how far the agents have committed."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.agents import AGENTS, group_of
from streams.columnar.kafka.groups import GroupOffsets, Place

_LAYOUT_SECONDS = 60.0  # partitions of topics hardly ever change

Ends = Mapping[Place, int]
Bounds = Mapping[Place, tuple[int, int]]  # first offset, and the one that the next record gets


class Unread(NamedTuple):
    """What an agent has yet to read.

    Attributes:
        events: how many, all partitions together.
        starts: where it has to go on, of the partitions that have any.
    """

    events: int
    starts: Mapping[Place, int]


class LogView:
    """Asks Kafka. Its clients block: a coroutine calls it in a thread.

    It needs no worker, and an agent's lag is here what a worker would read that took over now.
    What a running worker knows of its own lag is in its metrics.

    Args:
        kafka: connection settings (librdkafka's names).
        topics: that are looked at, where they exist.
        seconds: for each answer.

    Every method raises KafkaException when the broker does not answer.
    """

    def __init__(self, kafka: dict[str, str], topics: Collection[str], seconds: float) -> None:
        self._kafka = kafka
        self._topics = frozenset(topics)
        self._seconds = seconds
        self._client: AdminClient | None = None
        self._layout: tuple[float, list[TopicPartition]] | None = None
        self._groups: dict[str, GroupOffsets] = {}

    def brokers(self) -> int:
        """How many brokers there are."""
        return len(self._admin().list_topics(timeout=self._seconds).brokers)

    def ends(self) -> Ends:
        """The end offset of every partition."""
        return self._offsets(OffsetSpec.latest())

    def bounds(self) -> Bounds:
        """Where every partition begins and ends."""
        first = self._offsets(OffsetSpec.earliest())
        return {place: (first.get(place, 0), end) for place, end in self.ends().items()}

    def unread(self, agent: str, bounds: Bounds) -> Unread | None:
        """What an agent has yet to read; None when it has never committed.

        What has expired meanwhile is not to be read any more. A topic of which nothing is
        committed is not read: agents commit every partition as soon as they own it, and a part of
        an agent may be switched off.
        """
        names = {topic.name for topic in AGENTS[agent]}
        places = [place for place in bounds if place[0] in names]
        committed = self._group(agent).committed(places, self._seconds)
        if not committed:
            return None
        read = {topic for topic, _ in committed}
        places = [place for place in places if place[0] in read]
        starts: dict[Place, int] = {}
        events = 0
        for place in places:
            first, end = bounds[place]
            start = max(committed.get(place, 0), first)
            if start < end:
                starts[place] = start
                events += end - start
        return Unread(events, starts)

    def close(self) -> None:
        """Close the connections."""
        for group in self._groups.values():
            group.close()
        self._groups = {}

    def _admin(self) -> AdminClient:
        if self._client is None:
            self._client = AdminClient(self._kafka)
        return self._client

    def _group(self, agent: str) -> GroupOffsets:
        if agent not in self._groups:
            self._groups[agent] = GroupOffsets(self._kafka, group_of(agent))
        return self._groups[agent]

    def _offsets(self, which: OffsetSpec) -> dict[Place, int]:
        partitions = self._partitions()
        if not partitions:
            return {}
        asked = self._admin().list_offsets(
            dict.fromkeys(partitions, which), request_timeout=self._seconds
        )
        try:
            return {
                (at.topic, at.partition): answer.result().offset for at, answer in asked.items()
            }
        except KafkaException:
            self._layout = None  # a topic may have gone
            # After a restart of the broker a client insists on the leader's epoch from before.
            self._client = None
            raise

    def _partitions(self) -> list[TopicPartition]:
        if self._layout is None or time.monotonic() - self._layout[0] > _LAYOUT_SECONDS:
            found = self._admin().list_topics(timeout=self._seconds).topics
            partitions = [
                TopicPartition(name, partition)
                for name in sorted(self._topics & found.keys())
                for partition in found[name].partitions
            ]
            if not partitions:  # not provisioned yet: ask again next time
                return []
            self._layout = (time.monotonic(), partitions)
        return self._layout[1]
