from __future__ import annotations

from pathlib import Path

import pytest

from streams import decisions, generation
from streams.decisions.queries import queries

FILES = [
    *Path(decisions.__file__).parent.glob("*.sql"),
    *Path(generation.__file__).parent.glob("*.sql"),
]


def test_a_file_gives_its_statements_by_name(tmp_path: Path) -> None:
    path = tmp_path / "some.sql"
    path.write_text("-- name: one\n-- why\nSELECT 1\n\n-- name: two\nSELECT\n  2\n")
    assert queries(path) == {"one": b"-- why\nSELECT 1", "two": b"SELECT\n  2"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_statements_or_tables(path: Path) -> None:
    assert queries(path) or "CREATE TABLE" in path.read_text()
