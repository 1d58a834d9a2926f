"""Rows of every type that a state may have."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
from hypothesis import strategies as st

KEY = "key"
SCHEMA = pl.Schema(
    {
        "count": pl.Int64(),
        KEY: pl.String(),
        "small": pl.Int8(),
        "share": pl.Float64(),
        "single": pl.Float32(),
        "yes": pl.Boolean(),
        "at": pl.Datetime("us", "UTC"),
        "day": pl.Date(),
        "text": pl.String(),
        "kind": pl.Enum(["view", "like"]),
        "sketch": pl.Binary(),
        "parts": pl.List(pl.Struct({"n": pl.Int32(), "name": pl.String()})),
        "one": pl.Struct({"x": pl.Float64(), "names": pl.List(pl.String())}),
    }
)
_STRINGS = st.text(max_size=3) | st.just("text that is longer than a view holds")
_VALUES = {
    "count": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(-128, 127),
    "share": st.floats(allow_nan=False),
    "single": st.floats(width=32, allow_nan=False),
    "yes": st.booleans(),
    "at": st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),
    "day": st.dates(),
    "text": _STRINGS,
    "kind": st.sampled_from(["view", "like"]),
    "sketch": st.binary(max_size=40),
    "parts": st.lists(
        st.none() | st.fixed_dictionaries({"n": st.none() | st.just(1), "name": _STRINGS}),
        max_size=3,
    ),
    "one": st.fixed_dictionaries(
        {"x": st.none() | st.just(0.5), "names": st.none() | st.lists(_STRINGS, max_size=2)}
    ),
}
_ROWS = st.tuples(*(st.none() | _VALUES[name] for name in SCHEMA if name != KEY))

Row = tuple[Any, ...]


def rows_of(keys: st.SearchStrategy[str], *, least: int = 0) -> st.SearchStrategy[dict[str, Row]]:
    """Rows by key."""
    return st.dictionaries(keys, _ROWS, min_size=least, max_size=6)


def frame(rows: dict[str, Row]) -> pl.DataFrame:
    names = [name for name in SCHEMA if name != KEY]
    columns = zip(*rows.values(), strict=True) if rows else [()] * len(names)
    values = dict(zip(names, map(list, columns), strict=True)) | {KEY: list(rows)}
    return pl.DataFrame([pl.Series(name, values[name], dtype) for name, dtype in SCHEMA.items()])


def contents(rows: pl.DataFrame) -> dict[str, Row]:
    assert rows.schema == SCHEMA
    assert rows[KEY].is_unique().all()
    keys = rows[KEY].to_list()
    return dict(zip(keys, rows.drop(KEY).iter_rows(), strict=True))
