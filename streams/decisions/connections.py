"""Connections for work that is many small statements."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from streams.decisions.queries import queries

_FRESH_S = 0.5  # after its last use for so long, a connection is given out unasked

_SQL = queries(Path(__file__).with_name("connections.sql"))


def connections(dsn: str, *, most: int) -> AsyncConnectionPool:
    """A pool in autocommit: a statement is a transaction, without BEGIN and COMMIT around it.

    Before one that has rested is given out, it is asked whether the server is there still, so that
    a restart of PostgreSQL goes unnoticed where nothing was going on.
    """
    used: WeakKeyDictionary[AsyncConnection[Any], float] = WeakKeyDictionary()

    async def check(conn: AsyncConnection[Any]) -> None:
        now = monotonic()
        if now - used.get(conn, 0.0) > _FRESH_S:
            await AsyncConnectionPool.check_connection(conn)
        used[conn] = now

    return AsyncConnectionPool(
        dsn, min_size=1, max_size=most, configure=_configure, check=check, open=False
    )


async def _configure(conn: AsyncConnection[Any]) -> None:
    await conn.set_autocommit(True)
    await plan_for_keys(conn)


async def plan_for_keys(conn: AsyncConnection[Any]) -> None:
    """Plan this connection's statements for few rows found by key, whatever statistics say."""
    await conn.execute(_SQL["plans"])
