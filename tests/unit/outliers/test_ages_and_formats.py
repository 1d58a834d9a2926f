"""Where age brackets and formats begin and end."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from streams.outliers.ages import age_from_h
from streams.outliers.formats import format_of

MICROSECOND = dt.timedelta(microseconds=1)


def bracket_of(age: dt.timedelta) -> int | None:
    frame = pl.DataFrame({"age": [age]}, schema={"age": pl.Duration("us")})
    brackets = frame.select(age_from_h(pl.col("age"))).to_series()
    assert brackets.dtype == pl.Int32
    bracket: int | None = brackets.item()
    return bracket


@pytest.mark.parametrize(
    ("lower", "below"),
    [(0, None), (6, 0), (24, 6), (72, 24), (168, 72), (720, 168)],
)
def test_a_bracket_begins_at_its_lower_end(lower: int, below: int | None) -> None:
    start = dt.timedelta(hours=lower)
    assert bracket_of(start) == lower
    assert bracket_of(start - MICROSECOND) == below


def test_the_last_bracket_ends_at_ninety_days() -> None:
    end = dt.timedelta(days=90)
    assert bracket_of(end - MICROSECOND) == 720
    assert bracket_of(end) is None


@pytest.mark.parametrize(
    ("duration", "format_"),
    [(0, "short"), (180, "short"), (181, "long"), (36_000, "long"), (None, "unknown")],
)
def test_formats_by_length(duration: int | None, format_: str) -> None:
    frame = pl.DataFrame({"d": [duration]}, schema={"d": pl.Int32})
    assert frame.select(format_of(pl.col("d"))).item() == format_
