"""Consumed offsets, in the same transactions as what was made of the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from schemas.chunks import Chunk
from streams.decisions.queries import queries

_SQL = queries(Path(__file__).with_name("offsets.sql"))


async def claim(conn: AsyncConnection[Any], consumer: str, chunk: Chunk) -> Chunk | None:
    """The part of the chunk that was not consumed before; None if all was.

    Holds the partition for this consumer until the caller's transaction ends.
    """
    facts = {"consumer": consumer, "topic": chunk.topic, "partition": chunk.partition}
    row = await (await conn.execute(_SQL["claim"], facts)).fetchone()
    assert row is not None
    done = sum(1 for offset in chunk.offsets if offset < row[0])
    if done == len(chunk):
        return None
    return _rest(chunk, done)


async def store(conn: AsyncConnection[Any], consumer: str, chunk: Chunk) -> None:
    """Everything up to the end of the chunk is consumed; call after `claim`."""
    facts = {
        "consumer": consumer,
        "topic": chunk.topic,
        "partition": chunk.partition,
        "next_offset": chunk.last_offset + 1,
    }
    await conn.execute(_SQL["store"], facts)


async def stored(conn: AsyncConnection[Any], consumer: str, topic: str) -> dict[int, int]:
    """The next offset of each partition that was consumed from."""
    cursor = await conn.execute(_SQL["of_topic"], {"consumer": consumer, "topic": topic})
    return {partition: next_offset async for partition, next_offset in cursor}


def _rest(chunk: Chunk, start: int) -> Chunk:
    part = slice(start, None)
    return Chunk(
        chunk.topic,
        chunk.partition,
        chunk.offsets[part],
        chunk.timestamps[part],
        chunk.keys[part],
        chunk.values[part],
        chunk.headers[part],
    )
