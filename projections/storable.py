"""What PostgreSQL's text cannot hold, found before the fold.

A fold drops what a newer event overtakes. Were the NUL character left for PostgreSQL to refuse, an
event would be a dead letter or not depending on what else was in its chunk.
"""

from __future__ import annotations

import polars as pl

_STRINGS = pl.List(pl.String)

REASON = "PostgreSQL refuses it: {} has the NUL character, which text cannot hold"


def unstorable(frame: pl.DataFrame) -> list[tuple[int, str]]:
    """Row numbers of events with a NUL in a string or a list of strings, and why."""
    names = [name for name, dtype in frame.schema.items() if dtype in (pl.String, _STRINGS)]
    found: dict[int, str] = {}
    for name in names:
        column = frame[name]
        texts = column if column.dtype == pl.String else column.explode()
        if not texts.str.contains("\0", literal=True).any():
            continue
        has = pl.col(name)
        bad = (
            has.str.contains("\0", literal=True)
            if column.dtype == pl.String
            else has.list.eval(pl.element().str.contains("\0", literal=True)).list.any()
        )
        for row in frame.select(bad.fill_null(value=False).arg_true()).to_series():
            found.setdefault(row, REASON.format(name))
    return sorted(found.items())
