"""Tables of accounts: those of decisions, and what proves who somebody is."""

from __future__ import annotations

from pathlib import Path

from streams.work_queue import tables

_TABLES = Path(__file__).with_name("tables.sql")


def prepare(dsn: str) -> None:
    """Make the tables that are missing. Safe to call at every start, and by several at once.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    tables.prepare(dsn, [_TABLES])
