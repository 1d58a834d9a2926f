"""Frames into temporary tables: one COPY each, formatted by Polars, not row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl
import psycopg
from psycopg import sql

from projections.errors import RefusedError
from projections.gone import Tombstones
from projections.projection import Source

_COPY = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)")
_BLOCK = 1 << 20  # bytes handed to libpq at once


class Staged(NamedTuple):
    """Rows that are ready for their table."""

    copy: sql.Composed
    text: bytes


def folded(source: Source, frame: pl.DataFrame) -> list[Staged]:
    """What the source's fold makes of events, ready to be staged.

    Raises:
        RefusedError: the fold fails.
    """
    if frame.is_empty():
        return []
    try:
        return staged(source.fold(frame))
    except (Exception, pl.exceptions.PanicException) as error:
        raise RefusedError(f"cannot be folded: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """What an error says, in a line of at most 500 characters."""
    return " ".join(str(error).split())[:500]


def staged(frames: Mapping[str, pl.DataFrame]) -> list[Staged]:
    """Each frame `x` that has rows, made ready for the temporary table `staged_x`."""
    return [
        copied(frame, sql.Identifier("pg_temp", f"staged_{name}"))
        for name, frame in frames.items()
        if not frame.is_empty()
    ]


def staged_tombstones(tombstones: Tombstones) -> Staged:
    """Keys that are gone, made ready for `staged_tombstones`."""
    frame = pl.DataFrame(
        {"key": list(tombstones.values()), "log_offset": list(tombstones)},
        schema={"key": pl.String(), "log_offset": pl.Int64()},
    )
    return copied(frame, sql.Identifier("pg_temp", "staged_tombstones"))


def copied(frame: pl.DataFrame, table: sql.Identifier) -> Staged:
    """A frame made ready for a table that has its columns."""
    columns = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    return Staged(_COPY.format(table, columns), csv(frame))


def copy(connection: psycopg.Connection[Any], rows: Staged) -> None:
    """Copy the rows into their table."""
    text = memoryview(rows.text)
    with connection.cursor() as cursor, cursor.copy(rows.copy) as into:
        for at in range(0, len(text), _BLOCK):
            into.write(text[at : at + _BLOCK])


def csv(frame: pl.DataFrame) -> bytes:
    """The frame as PostgreSQL's `COPY ... (FORMAT csv)` reads it.

    Null is an empty field without quotes; every string is quoted, so that the empty string is not
    null. Times carry their offset from UTC. Lists of strings or numbers become array literals.
    """
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    text = frame.with_columns(_array(name) for name in lists).write_csv(
        include_header=False, quote_style="non_numeric"
    )
    return text.encode()


def _array(name: str) -> pl.Expr:
    """A list as an array literal; a null inside becomes NULL."""
    element = pl.element().cast(pl.String)
    for special in ("\\", '"'):
        element = element.str.replace_all(special, "\\" + special, literal=True)
    items = pl.col(name).list.eval(pl.coalesce(pl.lit('"') + element + pl.lit('"'), pl.lit("NULL")))
    return (pl.lit("{") + items.list.join(",") + pl.lit("}")).alias(name)
