"""How far each projection is behind the log, read from PostgreSQL alone."""

from __future__ import annotations

from typing import Any, TypedDict

import psycopg

from projections.checkpoints import STATEMENTS

STALE_S = 15.0  # seconds without a report after which a projector counts as gone


class Lag(TypedDict):
    """How far one projection is behind.

    `lag_events` and `lag_seconds` are None before the projection has reported for the first time.
    A projector that has gone silent counts as behind since then. `problem` says why a partition
    is not being read.
    """

    name: str
    version: int
    lag_events: int | None
    lag_seconds: float | None
    problem: str | None


async def projection_lag_async(connection: psycopg.AsyncConnection[Any]) -> list[Lag]:
    """`projection_lag` for an asynchronous connection."""
    if not await _known(connection):
        return []
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
    await cursor.execute(STATEMENTS["lag"], {"stale_s": STALE_S})
    return [_lag(row) for row in await cursor.fetchall()]


def projection_lag(connection: psycopg.Connection[Any]) -> list[Lag]:
    """Version and lag of every projection, by name; empty before the projector's first start."""
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
    cursor.execute(STATEMENTS["known"])
    if cursor.fetchone() == (None,):
        return []
    cursor.execute(STATEMENTS["lag"], {"stale_s": STALE_S})
    return [_lag(row) for row in cursor.fetchall()]


async def _known(connection: psycopg.AsyncConnection[Any]) -> bool:
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
    await cursor.execute(STATEMENTS["known"])
    return await cursor.fetchone() != (None,)


def _lag(row: tuple[Any, ...]) -> Lag:
    name, version, events, seconds, problem = row
    return Lag(name=name, version=version, lag_events=events, lag_seconds=seconds, problem=problem)
