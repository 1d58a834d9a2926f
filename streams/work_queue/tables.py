"""Tables of decisions and of the work queue, and those of whoever stands on them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psycopg
from procrastinate.schema import SchemaManager

from streams import decisions
from streams.decisions.queries import queries

_SQL = queries(Path(__file__).with_name("tables.sql"))
_DECISIONS = Path(decisions.__file__).with_name("tables.sql")


def prepare(dsn: str, more: Iterable[Path] = ()) -> None:
    """Make the tables that are missing. Safe to call at every start, and by several at once.

    Args:
        more: files of statements beside those of decisions and of the queue.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    with psycopg.connect(dsn) as connection:
        connection.execute(_SQL["lock"])
        row = connection.execute(_SQL["has_queue"]).fetchone()
        if row is not None and not row[0]:
            connection.execute(SchemaManager.get_schema().encode())
        for path in (_DECISIONS, *more):
            connection.execute(path.read_bytes())
