"""The log from outside: how long it is, and how far its readers are."""

from __future__ import annotations

import asyncio
import time

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.agents import AGENTS, group_of
from schemas.catalogue import TOPICS
from streams.columnar.groups import GroupOffsets

ASK_SECONDS = 1.8  # under the time that a health check has
LAYOUT_SECONDS = 60.0  # partitions of topics hardly ever change

Ends = dict[tuple[str, int], int]


class LogView:
    """Asks Kafka about offsets, in a thread: its client blocks."""

    def __init__(self, kafka: dict[str, str]) -> None:
        # Its own complaints about a broker that is away would repeat what the API answers.
        self._config = {**kafka, "log_level": "0"}
        self._client: AdminClient | None = None
        self._layout: tuple[float, list[TopicPartition]] | None = None
        self._groups: dict[str, GroupOffsets] = {}

    async def brokers(self) -> int:
        """How many brokers there are.

        Raises:
            KafkaException: none answers.
        """
        return await asyncio.to_thread(
            lambda: len(self._admin().list_topics(timeout=ASK_SECONDS).brokers)
        )

    async def ends(self) -> Ends:
        """The end offset of every partition of the catalogue's topics that exists.

        Raises:
            KafkaException: the broker does not answer.
        """
        return await asyncio.to_thread(self._ends)

    async def agent_lag(self, agent: str, ends: Ends) -> int | None:
        """Events that an agent has yet to read; None when it never committed.

        Raises:
            KafkaException: the broker does not answer.
        """
        return await asyncio.to_thread(self._agent_lag, agent, ends)

    def _admin(self) -> AdminClient:
        if self._client is None:
            self._client = AdminClient(self._config)
        return self._client

    def _ends(self) -> Ends:
        partitions = self._partitions()
        if not partitions:
            return {}
        asked = self._admin().list_offsets(
            {partition: OffsetSpec.latest() for partition in partitions},
            request_timeout=ASK_SECONDS,
        )
        try:
            return {
                (partition.topic, partition.partition): int(future.result().offset)
                for partition, future in asked.items()
            }
        except KafkaException:
            self._layout = None  # a topic may have gone
            raise

    def _partitions(self) -> list[TopicPartition]:
        if self._layout is None or time.monotonic() - self._layout[0] > LAYOUT_SECONDS:
            found = self._admin().list_topics(timeout=ASK_SECONDS)
            partitions = [
                TopicPartition(name, partition)
                for name, topic in found.topics.items()
                if name in TOPICS
                for partition in topic.partitions
            ]
            if not partitions:  # not provisioned yet: ask again next time
                return []
            self._layout = (time.monotonic(), partitions)
        return self._layout[1]

    def _agent_lag(self, agent: str, ends: Ends) -> int | None:
        offsets = self._groups.get(agent)
        if offsets is None:
            offsets = self._groups[agent] = GroupOffsets(self._config, group_of(agent))
        topics = {topic.name for topic in AGENTS[agent]}
        places = [place for place in ends if place[0] in topics]
        committed = offsets.committed(places, ASK_SECONDS)
        if not committed:
            return None
        return sum(max(ends[place] - committed.get(place, 0), 0) for place in places)


def events_by_topic(ends: Ends) -> dict[str, int]:
    """Offsets given out so far, by topic."""
    totals: dict[str, int] = {}
    for (topic, _), end in ends.items():
        totals[topic] = totals.get(topic, 0) + end
    return totals
