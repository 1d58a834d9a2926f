"""A Faust transport whose messages are chunks.

Faust's cost is per message, so it gets one message for what a fetch brought of a partition. Its own
bookkeeping of offsets is left out: positions come from the agent's restored state, and commits
from its acknowledged flushes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas.chunks import Chunk

log = structlog.get_logger()

SCHEME = "columnar"

Positions = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]


class ChunkRecord:
    """A chunk in the shape of a fetched record."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, tp: TP, records: list[Any]) -> None:
        last = records[-1]
        self.topic = tp.topic
        self.partition = tp.partition
        self.offset = last.offset
        self.timestamp = last.timestamp
        self.timestamp_type = last.timestamp_type
        self.headers: tuple[()] = ()
        self.key = None
        self.value = Chunk.of(tp.topic, tp.partition, records)
        self.checksum = None
        self.serialized_key_size = 0
        self.serialized_value_size = 0


class Consumer(driver.Consumer):
    """Fetches chunks, starts where the agent says, commits what the agent says."""

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> AsyncIterator[tuple[TP, Any]]:
        """One message a partition. What a stopped flow leaves behind is fetched again."""
        records, active = await self._wait_next_records(timeout)
        if not records or self.should_stop or not self.flow_active:
            return
        for tp, fetched in records.items():
            if fetched and (active is None or tp in active) and self.flow_active:
                yield tp, self._to_message(tp, ChunkRecord(tp, fetched))

    async def perform_seek(self) -> None:
        """Restore the state of newly assigned partitions and seek to where it stands."""
        positions: Positions = self.app.positions
        for tp, offset in (await positions(self.assignment())).items():
            await self._seek(tp, offset)
            # Faust drops what is below its own idea of the position.
            self._read_offset[tp] = offset or None

    async def committed(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The group's committed offsets; None where there is none."""
        consumer = self._thread._ensure_consumer()

        async def ask() -> dict[TP, int | None]:
            return {tp: await consumer.committed(TopicPartition(*tp)) for tp in partitions}

        found: dict[TP, int | None] = await self._thread.call_thread(ask)
        return found

    async def watermarks(self, partitions: set[TP]) -> dict[TP, tuple[int, int]]:
        """First and next offset of the log."""
        if not partitions:
            return {}
        low = await self.earliest_offsets(*partitions)
        high = await self.highwaters(*partitions)
        return {tp: (low[tp], high[tp]) for tp in partitions}

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit for the group. It is a hint for the next owner: a failure costs a longer replay.

        Faust's own way would crash the worker on an error and take a failed commit as done.
        """
        consumer = self._thread._ensure_consumer()

        async def commit() -> None:
            assigned = consumer.assignment()
            wanted = {
                TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()
            }
            owned = {tp: offset for tp, offset in wanted.items() if tp in assigned}
            if owned:
                await consumer.commit(owned)

        try:
            await self._thread.call_thread(commit)
        except Exception as error:
            log.warning("commit failed", reason=str(error), offsets=str(dict(offsets)))

    # Faust's bookkeeping, which would hold one integer for every offset within a chunk.

    def ack(self, message: Any) -> bool:
        """Mark a chunk as handed over; nothing is committed by it."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def commit(self, *_: Any, **__: Any) -> bool:
        """Nothing: see `commit_offsets`."""
        return False

    async def _add_gap(self, *_: Any) -> None:
        return

    def verify_event_path(self, *_: Any) -> None:
        """Nothing: the runtime's own watchdog acts, where Faust's would only log."""


class Transport(driver.Transport):
    """aiokafka with chunks."""

    Consumer = Consumer


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
