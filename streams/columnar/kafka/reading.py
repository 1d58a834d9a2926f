"""A partition from its beginning to the end that it has now, as chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Self, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from schemas.chunks import Chunk
from streams.columnar.kafka import batches
from streams.columnar.kafka.batches import FetchedBatches
from streams.columnar.kafka.connection import aiokafka_options

_FETCH_BYTES = 4 << 20
_FETCH_WAIT_MS = 500
_SILENCE_S = 60.0

batches.install()


class PartitionReader:
    """Reads every record of a partition up to the end that it has when reading begins, or further.

    Used as an asynchronous context manager and iterated over. The next fetch is under way while a
    chunk is used.

    Args:
        kafka: connection settings (librdkafka's names).
        start: offset to begin at; None is the beginning of the log.
        end: offset to stop at exactly. It may be one that compaction or an abort has emptied.
            Records between `start` and it that retention has removed are an error then; without an
            end they are passed over.
        committed: leave out what transactions have taken back, or have not committed yet.
        silence_s: seconds without progress after which it gives up.

    Attributes:
        position: offset up to which everything was read.

    Raises:
        KafkaError: of aiokafka; the broker refused (OffsetOutOfRangeError: records are gone).
        TimeoutError: the broker stopped answering.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        topic: str,
        partition: int,
        start: int | None = None,
        end: int | None = None,
        *,
        committed: bool = False,
        silence_s: float = _SILENCE_S,
    ) -> None:
        self.position = 0
        self._where = TopicPartition(topic, partition)
        self._start, self._end = start, end
        self._silence_s = silence_s
        self._consumer = AIOKafkaConsumer(
            **aiokafka_options(kafka),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest" if end is None else "none",
            isolation_level="read_committed" if committed else "read_uncommitted",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )

    async def __aenter__(self) -> Self:
        self._consumer.assign([self._where])
        try:
            async with asyncio.timeout(self._silence_s):
                await self._consumer.start()
                if self._start is not None:
                    self._consumer.seek(self._where, self._start)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        """Close the connections. Whoever cancels waits for it: half stopped, it leaves tasks."""
        stopping = asyncio.ensure_future(self._consumer.stop())
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await stopping
            raise

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        async with asyncio.timeout(self._silence_s):
            end = self._end
            if end is None:
                end = (await self._consumer.end_offsets([self._where]))[self._where]
            self.position = await self._consumer.position(self._where)
        while self.position < end:
            async with asyncio.timeout(self._silence_s):
                fetched = await self._fetched()
            self.position = await self._consumer.position(self._where)
            if fetched is not None and (chunk := self._chunk(fetched)) is not None:
                yield chunk

    def _chunk(self, fetched: FetchedBatches) -> Chunk | None:
        """What was fetched up to the end; None if nothing of it is before the end."""
        batches, end = fetched.batches, self._end
        if end is not None:
            batches = [batch for batch in batches if batch.base_offset < end]
        if not batches:
            return None
        topic, partition = self._where
        return Chunk.of_batches(topic, partition, batches, fetched.start, end)

    async def _fetched(self) -> FetchedBatches | None:
        """The next batches; None where offsets without records were passed."""
        before = await self._consumer.position(self._where)
        while await self._consumer.position(self._where) == before:
            found = await self._consumer.getmany(self._where, timeout_ms=_FETCH_WAIT_MS)
            if found:
                return cast("FetchedBatches", found[self._where])
        return None
