"""Tables under the analyses: those of decisions and of the work queue."""

from __future__ import annotations

from streams.work_queue import tables


def prepare(dsn: str) -> None:
    """Make the tables that are missing. Safe to call at every start, and by several at once.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    tables.prepare(dsn)
