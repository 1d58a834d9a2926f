"""What a worker does with the chunks of the partitions it owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from schemas.chunks import Chunk
from schemas.topic import Topic

if TYPE_CHECKING:
    from streams.columnar.metrics import Metrics


@dataclass(frozen=True, slots=True)
class TopicPartition:
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What Kafka says of an assigned partition.

    Attributes:
        committed: the group's committed offset, None where there is none.
        low: first offset that the log still has.
        high: offset that the next record will get.
    """

    committed: int | None
    low: int
    high: int


class ChunkHandler(Protocol):
    """Owns the meaning of positions: the group's offsets are only a hint of them."""

    @property
    def topics(self) -> Sequence[Topic]:
        """Topics to read."""

    @property
    def metrics(self) -> Metrics:
        """What is measured; the worker adds what it sees itself, and serves it."""

    async def assigned(
        self, ground: Mapping[TopicPartition, Ground], generation: int
    ) -> Mapping[TopicPartition, int]:
        """Take over partitions and say where to start reading each.

        It can be cancelled, when the next rebalance begins before it is done; nothing may have
        been taken over then.

        Args:
            ground: every partition that is owned from now on.
            generation: of the group; it rises with every rebalance.
        """

    def expect(self, chunk: Chunk) -> None:
        """A chunk is on its way to `process`: what can be done ahead may begin."""

    async def process(self, chunk: Chunk) -> None:
        """Take a chunk in. It may repeat what was processed already."""

    async def flush(self) -> Mapping[TopicPartition, int]:
        """Make everything processed so far durable.

        Returns:
            Per partition the offset up to which nothing is needed any more.
        """

    async def revoked(self) -> None:
        """Drop every partition; `flush` was called just before."""

    def skip(self, where: TopicPartition, offset: int) -> None:
        """The log has no records from `position` up to `offset`: go on there."""

    def position(self, where: TopicPartition) -> int | None:
        """The first offset that was not processed yet; None when the partition is not owned."""
