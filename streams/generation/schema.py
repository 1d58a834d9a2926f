"""Tables of decisions, dispatch and the work queue."""

from __future__ import annotations

from pathlib import Path

from streams.work_queue import tables

_HERE = Path(__file__)
_TABLES = (_HERE.with_name("tables.sql"), _HERE.with_name("quotas") / "tables.sql")


def prepare(dsn: str) -> None:
    """Make the tables that are missing. Safe to call at every start, and by several at once.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    tables.prepare(dsn, _TABLES)
