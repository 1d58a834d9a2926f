"""Frames encoded a column at a time give the very bytes that fastavro gives row by row."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalogue
from schemas.avro_types import frame_schema
from schemas.encoding import FrameEncoder
from tests.unit.schemas.fake_registry import body_of

RECORD: dict[str, Any] = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "text", "type": "string"},
        {"name": "small", "type": "int"},
        {"name": "big", "type": ["null", "long"]},
        {"name": "real", "type": "double"},
        {"name": "maybe", "type": ["null", "double"]},
        {"name": "yes", "type": "boolean"},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["a", "b", "c"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "words", "type": {"type": "array", "items": "string"}},
        {"name": "note", "type": ["null", "string"]},
        {"name": "raw", "type": "bytes"},
        {"name": "maybe_raw", "type": ["null", "bytes"]},
    ],
}

rows = st.fixed_dictionaries(
    {
        "text": st.text(max_size=200),
        "small": st.integers(-(2**31), 2**31 - 1),
        "big": st.none() | st.integers(-(2**63), 2**63 - 1),
        "real": st.floats(allow_nan=False),
        "maybe": st.none() | st.floats(allow_nan=False),
        "yes": st.booleans(),
        "kind": st.sampled_from("abc"),
        "at": st.datetimes(
            dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)
        ),
        "words": st.lists(st.text(max_size=5), max_size=70),
        "note": st.none() | st.text(max_size=3),
        "raw": st.binary(max_size=3) | st.integers(1_000, 3_000).map(bytes),
        "maybe_raw": st.none() | st.binary(max_size=200),
    }
)


@given(st.lists(rows, min_size=1, max_size=30))
def test_columns_and_rows_encode_to_the_same_bytes(records: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(records, schema=frame_schema(RECORD))
    expected = [b"\0\0\0\0\7" + body_of(RECORD, record) for record in records]
    assert FrameEncoder(RECORD, b"\0\0\0\0\7").encode(frame) == expected


def test_records_with_arrays_of_records_are_encoded_too() -> None:
    record = catalogue.OUTLIER_BASELINES.schema
    row = {
        "channel_id": "c",
        "as_of": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "snapshots": 3,
        "baselines": [
            {
                "format": "short",
                "age_from_h": 6,
                "n": 2,
                "median_log10_views": 3.0,
                "mad_log10_views": 0.5,
                "recent": [2.5, 3.5],
            }
        ],
        "seen": [],
        "applied_offset": 9,
        "generation": 1,
    }
    frame = pl.DataFrame([row], schema=frame_schema(record))
    assert FrameEncoder(record).encode(frame) == [body_of(record, row)]


def test_a_null_in_a_field_that_cannot_be_null_is_refused_by_name() -> None:
    frame = pl.DataFrame({"text": ["a", None], "raw": [b"a", None]})
    for name, kind in (("text", "string"), ("raw", "bytes")):
        encoder = FrameEncoder(
            {"type": "record", "name": "R", "fields": [{"name": name, "type": kind}]}
        )
        with pytest.raises(ValueError, match=f"{name} is null"):
            encoder.encode(frame)


def test_an_empty_frame_has_no_bodies() -> None:
    assert FrameEncoder(RECORD).encode(pl.DataFrame(schema=frame_schema(RECORD))) == []
