"""Statements from .sql files, by name.

A statement begins with a line `-- name: <name>` and ends before the next one. What stands before
the first is about the file.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_NAME = re.compile(rb"^-- name: (\w+)[^\S\n]*\n", re.MULTILINE)


class Statements:
    """The named statements of one file, as bytes (which psycopg takes for a query)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        parts = _NAME.split(path.read_bytes())
        names = [name.decode() for name in parts[1::2]]
        if len(set(names)) != len(names):
            raise ValueError(f"{path.name} has two statements of one name")
        bodies = [body.strip() for body in parts[2::2]]
        self._statements: dict[str, bytes] = dict(zip(names, bodies, strict=True))

    def __getitem__(self, name: str) -> bytes:
        """The statement of that name.

        Raises:
            KeyError: the file has none; the message lists those it has.
        """
        try:
            return self._statements[name]
        except KeyError:
            known = ", ".join(self._statements)
            raise KeyError(f"{self._path.name} has no statement {name!r}, only {known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._statements


@cache
def beside(module_file: str) -> Statements:
    """The statements of the .sql file that stands beside a module and has its name."""
    return Statements(Path(module_file).with_suffix(".sql"))
