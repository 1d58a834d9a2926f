"""Where buckets and formats begin and end."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from streams.outliers.ages import age_from_h
from streams.outliers.formats import format_of

MICROSECOND = dt.timedelta(microseconds=1)


def bucket_of(age: dt.timedelta) -> int | None:
    frame = pl.DataFrame({"age": [age]}, schema={"age": pl.Duration("us")})
    buckets = frame.select(age_from_h(pl.col("age"))).to_series()
    assert buckets.dtype == pl.Int32
    bucket: int | None = buckets.item()
    return bucket


@pytest.mark.parametrize(
    ("lower", "below"),
    [(0, None), (6, 0), (24, 6), (48, 24), (72, 48), (168, 72), (336, 168), (720, 336)],
)
def test_a_bucket_begins_at_its_lower_end(lower: int, below: int | None) -> None:
    start = dt.timedelta(hours=lower)
    assert bucket_of(start) == lower
    assert bucket_of(start - MICROSECOND) == below


def test_the_last_bucket_ends_at_ninety_days() -> None:
    end = dt.timedelta(days=90)
    assert bucket_of(end - MICROSECOND) == 720
    assert bucket_of(end) is None


@pytest.mark.parametrize(
    ("duration", "format_"),
    [(0, "short"), (180, "short"), (181, "long"), (36_000, "long"), (None, "unknown")],
)
def test_formats_by_length(duration: int | None, format_: str) -> None:
    frame = pl.DataFrame({"d": [duration]}, schema={"d": pl.Int32})
    assert frame.select(format_of(pl.col("d"))).item() == format_
