"""Reading the projections: named statements over a pool of connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from api.errors import ApiError
from api.statements import statement
from projections.status import Lag, projection_lag_async
from streams.generation.jobs.queue import Depth, depths
from streams.generation.policy.ledger import Outcome, outcomes

CONNECTIONS = 10  # of one API process; PostgreSQL's own limit is shared with all other processes
WAIT_SECONDS = 3.0  # for a free connection, before the client is told to come back
STATEMENT_MS = 10_000  # a read that takes longer is a mistake; it must not hold a connection

Row = dict[str, Any]
T = TypeVar("T")


class Database:
    """A pool of reading connections. It opens without waiting, and outlives a restart of the
    server: a broken connection is replaced, and a read that met one is asked again once."""

    def __init__(self, dsn: str) -> None:
        self.pool: AsyncConnectionPool[psycopg.AsyncConnection[DictRow]] = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_SECONDS,
            open=False,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 3,
                "application_name": "groundswell-api",
                "options": f"-c statement_timeout={STATEMENT_MS} -c TimeZone=UTC",
            },
        )

    async def open(self) -> None:
        """Start connecting, in the background."""
        await self.pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close(timeout=2.0)

    async def all(self, name: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a named statement.

        Raises:
            psycopg.OperationalError, PoolTimeout: the server is away.
        """
        for attempt in (1, 2):
            async with self.pool.connection() as connection:
                try:
                    cursor = await connection.execute(statement(name), values)
                    return await cursor.fetchall()
                except psycopg.OperationalError:
                    if attempt == 2 or not connection.broken:
                        raise
                except psycopg.DataError as error:
                    # An id with a NUL in it, a number beyond bigint: it can match nothing.
                    raise ApiError(
                        422,
                        "VALIDATION_ERROR",
                        f"validation error: the database cannot hold this value: {error}",
                    ) from None
        raise AssertionError("unreachable")

    async def ask(self, question: Callable[[psycopg.AsyncConnection[Any]], Awaitable[T]]) -> T:
        """What a reading function of another part answers on a connection of the pool.

        Raises:
            psycopg.OperationalError, PoolTimeout: the server is away.
        """
        for attempt in (1, 2):
            async with self.pool.connection() as connection:
                try:
                    return await question(connection)
                except psycopg.OperationalError:
                    if attempt == 2 or not connection.broken:
                        raise
        raise AssertionError("unreachable")

    async def one(self, name: str, values: Mapping[str, Any] | None = None) -> Row | None:
        """The first row of a named statement, or None."""
        rows = await self.all(name, values)
        return rows[0] if rows else None

    async def queue_depths(self) -> list[Depth]:
        """What waits for a worker, for every queue that has something waiting."""
        async with self.pool.connection() as connection:
            try:
                return await depths(connection)
            except psycopg.errors.UndefinedTable:
                return []  # the dispatcher has never run here

    async def policy_outcomes(self) -> list[Outcome]:
        """How judgements of the policy's rules ended."""
        async with self.pool.connection() as connection:
            try:
                return await outcomes(connection)
            except psycopg.errors.UndefinedTable:
                return []  # the dispatcher has never run here

    async def projection_lag(self) -> list[Lag]:
        """How far each projection is behind the log."""
        async with self.pool.connection() as connection:
            return await projection_lag_async(connection)
