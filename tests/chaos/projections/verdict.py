"""What a run of faults has cost: rows and dead letters that are missing, or too many."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from infra.settings import Settings
from schemas.topic import Topic
from tests.chaos.independent import messages
from tests.chaos.projections.independent import KEYS, Coordinates, Key, Recount, Row, Tables

_TOLERANCE = 1e-12  # relative, of ranks: logarithms are floats
_PREFIX = "groundswell.dlq."


@dataclass
class Verdict:
    """Difference between tables and letters, and the independent fold.

    Attributes:
        lost: rows, observations and letters that are missing, and rows that differ in any other
            way; good records among the letters too: they are in no table.
        doubled: rows and observations that there are too many of.
        wrong: what differs, and how.
    """

    lost: int = 0
    doubled: int = 0
    wrong: dict[Key, str] = field(default_factory=dict)


def tables_of(settings: Settings, names: tuple[str, ...] = tuple(KEYS)) -> Tables:
    """Every row by its primary key, as PostgreSQL has it."""
    found: Tables = {}
    with psycopg.connect(settings.dsn, row_factory=dict_row) as connection:
        connection.execute("SET TimeZone TO 'UTC'")
        for name in names:
            rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
            found[name] = {tuple(row[column] for column in KEYS[name]): row for row in rows}
    return found


def letters_of(settings: Settings, topics: list[Topic]) -> dict[Coordinates, set[bytes]]:
    """The values that dead letters have, by the coordinates that their headers name."""
    found: dict[Coordinates, set[bytes]] = {}
    for topic in topics:
        for message in messages(settings, topic.dlq, 1):
            told = dict(message.headers())
            name, *numbers = (told[_PREFIX + x].decode() for x in ("topic", "partition", "offset"))
            where = (name, *map(int, numbers))
            assert message.key().decode() == "/".join(map(str, where))
            found.setdefault(where, set()).add(message.value())
    return found


def compare(found: Tables, letters: dict[Coordinates, set[bytes]], expected: Recount) -> Verdict:
    """Hold tables and letters against the recount.

    A record may have several equal letters: a projector that was killed sends its last ones again.
    """
    verdict = Verdict()
    for table, rows in expected.tables.items():
        for key in rows.keys() | found[table].keys():
            _row(verdict, (table, *key), found[table].get(key), rows.get(key))
    for where in letters.keys() | expected.bad.keys():
        if letters.get(where) != {expected.bad.get(where)}:
            verdict.lost += 1
            verdict.wrong[where] = f"letter {letters.get(where)}"[:200]
    return verdict


def _row(verdict: Verdict, key: Key, have: Row | None, want: Row | None) -> None:
    if have is None:
        verdict.lost += 1
        verdict.wrong[key] = "is missing"
    elif want is None:
        verdict.doubled += 1
        verdict.wrong[key] = "is too many"
    elif differing := [name for name in have if not _equal(have[name], want.get(name))]:
        difference = have.get("snapshots", 0) - want.get("snapshots", 0)
        verdict.doubled += max(0, difference)
        verdict.lost += max(0, -difference) or not difference
        verdict.wrong[key] = ", ".join(
            f"{name} {have[name]!r} instead of {want.get(name)!r}" for name in differing
        )


def _equal(have: Any, want: Any) -> bool:
    if isinstance(have, float) and isinstance(want, float):
        return have == want or math.isclose(have, want, rel_tol=_TOLERANCE)
    return bool(have == want)
