"""Entries of the queue, put in and taken out within the caller's transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from procrastinate import PsycopgConnector
from procrastinate.jobs import Job as Entry
from procrastinate.manager import JobManager
from psycopg import AsyncConnection

from streams.decisions.queries import queries

SQL = queries(Path(__file__).with_name("entries.sql"))

# Never opened: it only puts procrastinate's own statements onto the caller's connection.
_MANAGER = JobManager(PsycopgConnector())


async def defer_all(conn: AsyncConnection[Any], entries: list[Entry]) -> None:
    """Put entries into their queues within the caller's transaction, with one statement."""
    if entries:
        await _MANAGER.batch_defer_jobs_async(entries, connection=conn)


async def withdraw(conn: AsyncConnection[Any], lock: str) -> None:
    """Take the entries with that lock out of their queue, and tell who runs one to stop."""
    await conn.execute(SQL["cancel"], {"lock": lock})
