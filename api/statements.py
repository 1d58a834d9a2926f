"""SQL by name: every statement lives in a .sql file of `api/sql`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas.sql import Statements

SQL = Path(__file__).parent / "sql"


def statement(name: str) -> bytes:
    """The statement of that name, written `file.statement`.

    Raises:
        KeyError: there is none; a mistake in the code, not in a request.
    """
    file, _, short = name.partition(".")
    return _file(file)[short]


@cache
def _file(name: str) -> Statements:
    return Statements(SQL / f"{name}.sql")
