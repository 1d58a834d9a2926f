"""What PostgreSQL cannot hold, found before the fold.

A fold drops what a newer event overtakes. Were such values left for PostgreSQL to refuse, an event
would be a dead letter or not depending on what else was in its chunk.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import polars as pl

_STRINGS = pl.List(pl.String)

_LONGEST_ID = 2_000  # bytes; an index takes rows of up to 2,704, and ids are in indexes with times

# Of years with four digits: others are written in a way that PostgreSQL does not read. In
# microseconds since 1970.
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EARLIEST = (dt.datetime(1, 1, 1, tzinfo=dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1)
_LATEST = (dt.datetime.max.replace(tzinfo=dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1)

_NUL = "has the NUL character, which text cannot hold"
_LONG = f"has more than {_LONGEST_ID:,} bytes, which is too long for an index"
_FAR = "is not in the years 1 to 9999"


def unstorable(frame: pl.DataFrame) -> list[tuple[int, str]]:
    """Row numbers of events that a table cannot hold, and why.

    These are a NUL in a string or a list of strings, an id (a column `..._id`) of more than 2,000
    bytes, and a time outside the years 1 to 9999.
    """
    found: dict[int, str] = {}
    for name in frame.columns:
        for bad, reason in _refused(frame[name]):
            if bad.any():
                for row in bad.fill_null(value=False).arg_true():
                    found.setdefault(row, f"PostgreSQL refuses it: {name} {reason}")
    return sorted(found.items())


def _refused(column: pl.Series) -> Iterator[tuple[pl.Series, str]]:
    """Which of a column's values PostgreSQL refuses, and why."""
    if column.dtype == pl.String:
        yield column.str.contains("\0", literal=True), _NUL
        if column.name.endswith("_id"):
            yield column.str.len_bytes() > _LONGEST_ID, _LONG
    elif column.dtype == _STRINGS:
        if column.explode().str.contains("\0", literal=True).any():
            has = pl.element().str.contains("\0", literal=True)
            yield column.list.eval(has).list.any(), _NUL
    elif isinstance(column.dtype, pl.Datetime):
        times = column.to_physical()
        yield (times < _EARLIEST) | (times > _LATEST), _FAR
