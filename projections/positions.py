"""Read your own writes: wait until a projection holds what stands at a position of the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from projections.catalogue import PROJECTIONS
from projections.checkpoints import STATEMENTS
from schemas.publisher import Position

_FIRST_PAUSE = 0.01  # seconds between looks, growing
_LONGEST_PAUSE = 0.1

AsyncConnection = psycopg.AsyncConnection[Any]


class NotReadError(ValueError):
    """The projection does not read the position's topic: waiting would be for ever."""


async def wait_for(
    connection: AsyncConnection | AsyncConnectionPool[Any],
    projection: str,
    position: Position,
    timeout_s: float,
) -> bool:
    """Wait until the projection has applied the event at `position`.

    It looks every 10 to 100 ms and holds a pool's connection only while it looks. A bare
    connection must be in autocommit.

    Returns:
        True as soon as it is applied, False when `timeout_s` seconds have passed without.

    Raises:
        KeyError: there is no such projection.
        NotReadError: it does not read that topic.
    """
    topics = PROJECTIONS[projection].topics
    if position.topic not in topics:
        raise NotReadError(
            f"projection {projection} does not read {position.topic}; it reads {', '.join(topics)}"
        )
    deadline = time.monotonic() + timeout_s
    pause = _FIRST_PAUSE
    while not await _applied(connection, projection, position):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return True


async def _applied(
    connection: AsyncConnection | AsyncConnectionPool[Any], projection: str, position: Position
) -> bool:
    where = {
        "projection": projection,
        "topic": position.topic,
        "partition": position.partition,
    }
    try:
        async with (
            _one(connection) as one,
            one.cursor(row_factory=psycopg.rows.tuple_row) as cursor,
        ):
            await cursor.execute(STATEMENTS["position"], where)
            row = await cursor.fetchone()
    except psycopg.errors.UndefinedTable:  # the projector has never run
        return False
    return row is not None and int(row[0]) > position.offset


@asynccontextmanager
async def _one(
    connection: AsyncConnection | AsyncConnectionPool[Any],
) -> AsyncIterator[AsyncConnection]:
    if isinstance(connection, AsyncConnectionPool):
        async with connection.connection() as borrowed:
            yield borrowed
    else:
        yield connection
