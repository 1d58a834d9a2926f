"""Tables of decisions, dispatch and the work queue."""

from __future__ import annotations

from pathlib import Path

import psycopg
from procrastinate.schema import SchemaManager

from streams import decisions
from streams.decisions.queries import queries

_HERE = Path(__file__)
_SQL = queries(_HERE.with_name("schema.sql"))
_TABLES = (
    Path(decisions.__file__).with_name("tables.sql"),
    _HERE.with_name("tables.sql"),
    _HERE.with_name("quotas") / "tables.sql",
)


def prepare(dsn: str) -> None:
    """Make the tables that are missing. Safe to call at every start, and by several at once.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    with psycopg.connect(dsn) as connection:
        connection.execute(_SQL["lock"])
        row = connection.execute(_SQL["has_queue"]).fetchone()
        if row is not None and not row[0]:
            connection.execute(SchemaManager.get_schema().encode())
        for path in _TABLES:
            connection.execute(path.read_bytes())
