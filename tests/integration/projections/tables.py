"""What is in a projection's tables."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

Content = dict[str, list[dict[str, Any]]]


def content(database: str, schema: str) -> Content:
    """Every row of every table of the projection, as JSON has it."""
    with psycopg.connect(database) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename NOT IN"
            " ('projections', 'projection_checkpoints', 'projection_status', 'builds',"
            " 'build_buckets')",
            (schema,),
        ).fetchall()
        query = sql.SQL("SELECT to_jsonb(t) AS row FROM {} AS t ORDER BY t::text")
        return {
            name: [row for (row,) in connection.execute(query.format(sql.Identifier(schema, name)))]
            for (name,) in names
        }


def differences(found: Content, expected: Content) -> list[str]:
    """The columns in which tables differ, in words."""
    said = [f"{found.keys()} are not {expected.keys()}"] if found.keys() != expected.keys() else []
    for name in found.keys() & expected.keys():
        ours, theirs = found[name], expected[name]
        if len(ours) != len(theirs):
            said.append(f"{name} has {len(ours)} rows in place of {len(theirs)}")
            continue
        said += [
            f"{name}: {column} is {one[column]!r} in place of {other[column]!r} in {other}"
            for one, other in zip(ours, theirs, strict=True)
            for column in other
            if one[column] != other[column]
        ]
    return said
