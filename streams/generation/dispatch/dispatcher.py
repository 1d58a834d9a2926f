"""The dispatcher's process: a Faust agent that hands chunks to dispatch and policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog
from psycopg_pool import AsyncConnectionPool

from infra.settings import Settings
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.app import run_worker
from streams.columnar.errors import BrokenGroundError
from streams.columnar.handler import Ground, TopicPartition
from streams.columnar.metrics import Metrics
from streams.decisions.connections import connections
from streams.generation.dispatch import offsets
from streams.generation.dispatch.dispatch import Dispatcher
from streams.generation.dispatch.redelivery import Redelivery
from streams.generation.policy.policy import Policy
from streams.generation.policy.rules_file import rules_of
from streams.generation.policy.sources import SOURCES
from streams.generation.routing.assigning import assigner
from streams.generation.schema import prepare
from streams.workers import worker

NAME = "dispatcher"
log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Dispatch until SIGTERM or SIGINT.

    Raises:
        RulesError: the policy's rules cannot be understood.
    """
    rules = rules_of(settings)
    prepare(settings.dsn)
    codec = Codec(Registry(settings.registry_config()))
    publisher = Publisher(settings.kafka_config(), codec, source="groundswell/dispatcher")
    pool = connections(settings.dsn, most=4)
    consumers: list[ChunkConsumer] = [
        Dispatcher(pool, publisher, assigner(settings)),
        Redelivery(pool, publisher),
    ]
    for source in SOURCES.values():
        its_own = [rule for rule in rules if rule.source is source]
        if its_own:
            consumers.append(Policy(pool, publisher, source, its_own))
    run_worker(worker(NAME, DispatchHandler(pool, consumers), settings))


class ChunkConsumer(Protocol):
    """Consumes one topic and keeps its offsets in PostgreSQL."""

    @property
    def topic(self) -> Topic:
        """What it consumes."""

    @property
    def consumer(self) -> str:
        """Its name in the table of offsets."""

    @property
    def part(self) -> int:
        """Records that it handles in one transaction, at most."""

    async def handle(self, chunk: Chunk) -> int:
        """Consume a chunk and store how far that is, in one transaction; how many dead letters."""


class DispatchHandler:
    """Brings chunks to their consumers; a [`ChunkHandler`][streams.columnar.handler.ChunkHandler].

    The offsets in PostgreSQL are the truth: reading starts there, whatever the group has
    committed.
    """

    def __init__(self, pool: AsyncConnectionPool, consumers: Sequence[ChunkConsumer]) -> None:
        self._pool = pool
        self._consumers = {consumer.topic.name: consumer for consumer in consumers}
        self._positions: dict[TopicPartition, int] = {}
        self.metrics = Metrics(NAME, *self._consumers)

    @property
    def topics(self) -> Sequence[Topic]:
        """Topics to read."""
        return [consumer.topic for consumer in self._consumers.values()]

    async def assigned(
        self, ground: Mapping[TopicPartition, Ground], generation: int
    ) -> Mapping[TopicPartition, int]:
        """Start where PostgreSQL says.

        Raises:
            BrokenGroundError: a topic ends before the stored offset: it was made anew.
        """
        await self._pool.open(wait=True)
        starts: dict[TopicPartition, int] = {}
        async with self._pool.connection() as conn:
            for name, consumer in self._consumers.items():
                stored = await offsets.stored(conn, consumer.consumer, name)
                for where, marks in ground.items():
                    if where.topic == name:
                        next_offset = stored.get(where.partition, 0)
                        starts[where] = _start(where, marks, next_offset, consumer.consumer)
        self._positions = dict(starts)
        return starts

    def expect(self, chunk: Chunk) -> None:
        """Nothing is done ahead."""

    async def process(self, chunk: Chunk) -> None:
        """Consume a chunk, as many records at a time as its consumer likes."""
        consumer = self._consumers[chunk.topic]
        for part in chunk.split(consumer.part):
            letters = await consumer.handle(part)
            self.metrics.buried(chunk.topic, letters)
            where = TopicPartition(chunk.topic, chunk.partition)
            self._positions[where] = max(self._positions.get(where, 0), part.last_offset + 1)

    async def flush(self) -> Mapping[TopicPartition, int]:
        """What was processed is durable already; the group may know it."""
        return dict(self._positions)

    async def revoked(self) -> None:
        """Forget the partitions."""
        self._positions.clear()

    def skip(self, where: TopicPartition, offset: int) -> None:
        """Go on at `offset`; PostgreSQL hears of it with the next records."""
        if where in self._positions:
            self._positions[where] = max(self._positions[where], offset)

    def position(self, where: TopicPartition) -> int | None:
        """The first offset that was not processed yet; None when the partition is not owned."""
        return self._positions.get(where)


def _start(where: TopicPartition, marks: Ground, next_offset: int, consumer: str) -> int:
    if next_offset > marks.high:
        raise BrokenGroundError(
            f"{where.topic}/{where.partition} ends at {marks.high}, but {consumer} has consumed it "
            f"up to {next_offset}: the topic was made anew. To begin with the new one, delete the "
            f"rows of {where.topic} from the table dispatcher_offsets"
        )
    if 0 < next_offset < marks.low:
        log.error(
            "records were removed before they were consumed",
            topic=where.topic,
            partition=where.partition,
            consumer=consumer,
            lost=marks.low - next_offset,
            goes_on_at=marks.low,
        )
    return max(next_offset, marks.low)
