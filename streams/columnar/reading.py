"""A partition from its beginning to the end that it has now, as chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from schemas.chunks import Chunk
from streams.columnar import batches
from streams.columnar.connection import aiokafka_options

_FETCH_BYTES = 4 << 20
_FETCH_WAIT_MS = 500
_SILENCE_S = 60.0

batches.install()


async def read_partition(
    kafka: Mapping[str, str], topic: str, partition: int, *, silence_s: float = _SILENCE_S
) -> AsyncGenerator[Chunk, None]:
    """Read every record up to the end that the partition has when this begins, or further.

    The next fetch is under way while a chunk is used.

    Args:
        kafka: connection settings (librdkafka's names).
        silence_s: seconds without progress after which it gives up.

    Raises:
        KafkaError: of aiokafka; the broker refused.
        TimeoutError: the broker stopped answering.
    """
    where = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        **aiokafka_options(kafka),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    consumer.assign([where])
    async with asyncio.timeout(silence_s):
        await consumer.start()
    try:
        async with asyncio.timeout(silence_s) as patience:
            end = (await consumer.end_offsets([where]))[where]
            while await consumer.position(where) < end:
                fetched = (await consumer.getmany(where, timeout_ms=_FETCH_WAIT_MS)).get(where)
                if not fetched:
                    continue
                patience.reschedule(None)  # whoever takes the chunk may take its time
                yield Chunk.of_batches(topic, partition, fetched.batches, fetched.start)
                patience.reschedule(asyncio.get_running_loop().time() + silence_s)
    finally:
        await consumer.stop()
