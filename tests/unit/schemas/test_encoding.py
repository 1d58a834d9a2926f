"""Frames encoded a column at a time give the very bytes that fastavro gives row by row."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalogue, encoding
from schemas.avro_types import NotColumnarError, frame_schema
from schemas.encoding import FrameEncoder
from schemas.ragged import lay
from schemas.varint import zigzag
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
        {"name": "narrow", "type": "float"},
        {"name": "raw", "type": "bytes"},
        {"name": "maybe_raw", "type": ["null", "bytes"]},
        {"name": "last", "type": [{"type": "array", "items": ["null", "long"]}, "null"]},
        {"name": "reals", "type": {"type": "array", "items": "double"}},
        {
            "name": "parts",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "P",
                    "fields": [
                        {"name": "name", "type": "string"},
                        {"name": "marks", "type": {"type": "array", "items": "int"}},
                    ],
                },
            },
        },
        {
            "name": "place",
            "type": [
                "null",
                {"type": "record", "name": "Q", "fields": [{"name": "x", "type": "long"}]},
            ],
        },
    ],
}

# Powers of two and their neighbours: at some of them a varint becomes a byte longer.
edges = st.builds(
    lambda power, sign, more: sign * 2**power + more,
    st.integers(0, 62),
    st.sampled_from([1, -1]),
    st.sampled_from([-1, 0, 1]),
)
longs = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 2**63 - 1]) | edges
ints = st.integers(-(2**31), 2**31 - 1)
words = st.text(max_size=5)
# The length of a text takes another byte from 64 and from 8192 bytes on.
texts = words | st.builds(
    lambda letter, count: letter * count,
    st.sampled_from(["x", "é"]),
    st.sampled_from([31, 32, 63, 64, 128, 129, 1025, 4096, 8191, 8192]),
)
rows = st.fixed_dictionaries(
    {
        "text": texts,
        "small": ints,
        "big": st.none() | longs,
        "real": st.floats(allow_nan=False),
        "maybe": st.none() | st.floats(allow_nan=False),
        "yes": st.booleans(),
        "kind": st.sampled_from("abc"),
        "at": st.datetimes(
            dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)
        ),
        "words": st.lists(texts, max_size=4) | st.lists(words, max_size=20),
        "note": st.none() | texts,
        "narrow": st.floats(width=32, allow_nan=False),
        "raw": st.binary(max_size=3) | st.integers(1_000, 3_000).map(bytes),
        "maybe_raw": st.none() | st.binary(max_size=200),
        "last": st.none() | st.lists(st.none() | longs, max_size=3),
        "reals": st.lists(st.floats(allow_nan=False), max_size=3),
        "parts": st.lists(
            st.fixed_dictionaries({"name": texts, "marks": st.lists(ints, max_size=3)}),
            max_size=3,
        ),
        "place": st.none() | st.fixed_dictionaries({"x": longs}),
    }
)


def assert_equal_to_fastavro(records: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(records, schema=frame_schema(RECORD))
    expected = [b"\0\0\0\0\7" + body_of(RECORD, record) for record in records]
    assert FrameEncoder(RECORD, b"\0\0\0\0\7").encode(frame) == expected


@given(st.lists(rows, min_size=1, max_size=8))
def test_columns_and_rows_encode_to_the_same_bytes(records: list[dict[str, Any]]) -> None:
    assert_equal_to_fastavro(records)


@given(st.lists(rows, min_size=1, max_size=6))
def test_bodies_do_not_depend_on_the_block_that_they_are_encoded_in(
    records: list[dict[str, Any]],
) -> None:
    for limit, value in (("_BLOCK", 2), ("_BLOCK_BYTES", 1000)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoding, limit, value)
            assert_equal_to_fastavro(records)


@pytest.mark.parametrize("power", range(64))
def test_the_longest_number_of_a_column_may_have_any_length(power: int) -> None:
    sizes = (2**power - 1, 2**power, 2**power + 1)
    numbers = [n for size in sizes for n in (size, -size) if -(2**63) <= n < 2**63]
    for column in [[number] for number in numbers] + [numbers]:
        varints = encoding.varints(np.array(column, dtype=np.int64))
        assert lay([varints], len(column)).to_list() == list(map(zigzag, column))


@pytest.mark.parametrize("count", [1, 2, 8, 9])
def test_arrays_of_equal_length_are_encoded(count: int) -> None:
    record = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "words", "type": {"type": "array", "items": ["null", "string"]}}],
    }
    lists = [
        [None if (row + n) % 3 == 0 else f"{row}.{n}" for n in range(count)] for row in range(7)
    ]
    frame = pl.DataFrame({"words": lists})
    assert FrameEncoder(record).encode(frame) == [body_of(record, {"words": w}) for w in lists]


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
                "scale_log10": 0.75,
                "df": 2.5,
            }
        ],
        "recent": [],
        "videos": [],
        "levels": [],
        "days": [{"day": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "tests": 3}],
        "tests_gone": 7,
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


@pytest.mark.parametrize("count", [1, 20])
def test_a_null_item_that_cannot_be_null_is_refused_by_the_name_of_its_field(count: int) -> None:
    record = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "words", "type": {"type": "array", "items": "string"}}],
    }
    frame = pl.DataFrame({"words": [["a"] * count, [None] * count]})
    with pytest.raises(ValueError, match="words is null"):
        FrameEncoder(record).encode(frame)


@pytest.mark.parametrize("avro", [{"type": "map", "values": "long"}, ["null", "long", "string"]])
def test_types_that_no_column_can_have_are_refused_at_once(avro: Any) -> None:
    record = {"type": "record", "name": "R", "fields": [{"name": "odd", "type": avro}]}
    with pytest.raises(NotColumnarError):
        FrameEncoder(record)


def test_an_empty_frame_has_no_bodies() -> None:
    assert FrameEncoder(RECORD).encode(pl.DataFrame(schema=frame_schema(RECORD))) == []
