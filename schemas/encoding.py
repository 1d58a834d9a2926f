"""Frames to Avro bodies, a column at a time.

Numbers are encoded for all rows at once into ragged bytes (data and a length per row); neighbours
are woven into one. Texts are concatenated by Polars. Records with arrays of records, which are
rare and low in volume, are left to fastavro.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import fastavro
import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.avro_types import TIMESTAMP
from schemas.varint import zigzag

Bytes = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.int64]

_GROUP = 7  # payload bits in a byte of a varint


class Ragged(NamedTuple):
    """Bytes of every row, one after the other.

    Attributes:
        data: all bytes, shape (sum of lengths,).
        lengths: bytes per row, shape (rows,).
    """

    data: Bytes
    lengths: Lengths


class FrameEncoder:
    """Encodes frames of one record schema.

    Args:
        record: Avro record schema.
        prefix: bytes put before every body.
    """

    def __init__(self, record: dict[str, Any], prefix: bytes = b"") -> None:
        self._record = record
        self._prefix = prefix
        self._columns: list[tuple[str, Encoder]] | None = None
        try:
            self._columns = [(f["name"], _encoder(f["type"])) for f in record["fields"]]
        except _NoEncoderError:
            self._schema = fastavro.parse_schema(record, named_schemas={})

    def encode(self, frame: pl.DataFrame) -> list[bytes]:
        """Prefix and body of every row.

        Args:
            frame: has a column for every field, with the field's dtype (`frame_schema`).

        Raises:
            ValueError: a value is null where its field cannot be.
        """
        if frame.is_empty():
            return []
        if self._columns is None:
            return [self._encode_row(row) for row in frame.iter_rows(named=True)]
        bodies = _same(self._prefix, frame.height)
        numbers: list[Ragged] = []
        for name, encode in self._columns:
            try:
                part = encode(frame[name])
            except _NullError:
                raise ValueError(f"{name} is null in some row, which its schema forbids") from None
            if isinstance(part, Ragged):
                numbers.append(part)
                continue
            if numbers:
                bodies = bodies + _series(weave(numbers))
                numbers = []
            bodies = bodies + part
        if numbers:
            bodies = bodies + _series(weave(numbers))
        encoded: list[bytes] = bodies.to_list()
        return encoded

    def _encode_row(self, row: dict[str, Any]) -> bytes:
        stream = io.BytesIO()
        stream.write(self._prefix)
        fastavro.schemaless_writer(stream, self._schema, row)
        return stream.getvalue()


# A column's encoding: ragged numbers, or a Binary series.
Part = Ragged | pl.Series
Encoder = Callable[[pl.Series], Part]


class _NoEncoderError(Exception):
    """A type that is left to fastavro."""


class _NullError(Exception):
    """A null where none may be."""


def weave(parts: list[Ragged]) -> Ragged:
    """Concatenate parts row by row."""
    lengths = np.sum([part.lengths for part in parts], axis=0)
    data = np.empty(int(lengths.sum()), dtype=np.uint8)
    at = np.cumsum(lengths) - lengths
    for part in parts:
        _scatter(data, at, part)
        at = at + part.lengths
    return Ragged(data, lengths)


def _scatter(data: Bytes, at: Lengths, part: Ragged) -> None:
    """Copy each row's bytes of a part to where the row stands in `data`."""
    if not len(part.data):
        return
    width = int(part.lengths[0])
    if (part.lengths == width).all():
        data[at[:, None] + np.arange(width)] = part.data.reshape(-1, width)
        return
    starts = np.cumsum(part.lengths) - part.lengths
    data[np.repeat(at - starts, part.lengths) + np.arange(len(part.data))] = part.data


def varints(numbers: npt.NDArray[np.int64]) -> Ragged:
    """Avro ints and longs: zigzag, then groups of seven bits, the lowest first."""
    coded = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    lengths = np.ones(len(coded), dtype=np.int64)
    rest = coded >> np.uint64(_GROUP)
    while rest.any():
        lengths += rest != 0
        rest >>= np.uint64(_GROUP)
    longest = int(lengths.max(initial=1))
    shifts = np.arange(longest, dtype=np.uint64) * np.uint64(_GROUP)
    groups = ((coded[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    places = np.arange(longest)
    groups |= np.where(places < (lengths - 1)[:, None], 0x80, 0).astype(np.uint8)
    return Ragged(groups[places < lengths[:, None]], lengths)


def _encoder(avro: Any) -> Encoder:
    if isinstance(avro, list):
        if avro[0] != "null" or len(avro) != 2:
            raise _NoEncoderError
        return partial(_optional, _encoder(avro[1]))
    kind = avro["type"] if isinstance(avro, dict) else avro
    match kind:
        case "int" | "long":
            return _long
        case "double":
            return _double
        case "boolean":
            return _boolean
        case "string":
            return _string
        case "bytes":
            return _bytes
        case "enum":
            return partial(_enum, avro["symbols"])
        case "array":
            return partial(_array, _encoder(avro["items"]))
    raise _NoEncoderError


def _numbers(column: pl.Series) -> npt.NDArray[Any]:
    if column.null_count():
        raise _NullError
    return column.to_numpy()


def _long(column: pl.Series) -> Ragged:
    if column.dtype.is_temporal():
        column = column.cast(TIMESTAMP).to_physical()
    return varints(_numbers(column).astype(np.int64))


def _double(column: pl.Series) -> Ragged:
    data = np.ascontiguousarray(_numbers(column), dtype="<f8").view(np.uint8)
    return Ragged(data, np.full(len(column), 8, dtype=np.int64))


def _boolean(column: pl.Series) -> Ragged:
    return Ragged(_numbers(column).astype(np.uint8), np.ones(len(column), dtype=np.int64))


def _enum(symbols: list[str], column: pl.Series) -> Ragged:
    return _long(column.cast(pl.Enum(symbols)).to_physical().cast(pl.Int64))


def _string(column: pl.Series) -> pl.Series:
    if column.null_count():
        raise _NullError
    return _counts(column.str.len_bytes()) + column.cast(pl.Binary)


def _bytes(column: pl.Series) -> pl.Series:
    if column.null_count():
        raise _NullError
    return _counts(column.bin.size()) + column


def _array(encode: Encoder, column: pl.Series) -> pl.Series:
    """One block of items, where there are any, then the empty block that ends an array."""
    if column.null_count():
        raise _NullError
    counts = column.list.len()
    items = iter(_series(encode(column.filter(counts > 0).explode())).to_list())
    blocks = [b"".join(islice(items, count)) for count in counts.to_list()]
    heads = _counts(counts).set(counts == 0, b"")
    return heads + pl.Series(blocks, dtype=pl.Binary) + _same(b"\0", len(column))


def _optional(encode: Encoder, column: pl.Series) -> Part:
    """The branch of `["null", T]`, then the value where there is one."""
    present = column.is_not_null()
    values = encode(column.drop_nulls())
    if isinstance(values, pl.Series):
        found = iter(values.to_list())
        texts = [b"\2" + next(found) if there else b"\0" for there in present.to_list()]
        return pl.Series(texts, dtype=pl.Binary)
    there = present.to_numpy()
    lengths = np.zeros(len(column), dtype=np.int64)
    lengths[there] = values.lengths
    branch = Ragged(np.where(there, 2, 0).astype(np.uint8), np.ones(len(column), dtype=np.int64))
    return weave([branch, Ragged(values.data, lengths)])


_FEW = 1024
_FEW_COUNTS = pl.Series([zigzag(count) for count in range(_FEW)], dtype=pl.Binary)


def _counts(counts: pl.Series) -> pl.Series:
    """Encoded lengths; looked up, because most texts are short."""
    if len(counts) and counts.max() < _FEW:  # type: ignore[operator]
        return _FEW_COUNTS.gather(counts)
    return pl.Series([zigzag(count) for count in counts.to_list()], dtype=pl.Binary)


def _series(part: Part) -> pl.Series:
    """As a Binary series."""
    if isinstance(part, pl.Series):
        return part
    data, ends = part.data.tobytes(), np.cumsum(part.lengths).tolist()
    starts = [0, *ends[:-1]]
    rows = [data[start:end] for start, end in zip(starts, ends, strict=True)] if ends else []
    return pl.Series(rows, dtype=pl.Binary)


def _same(value: bytes, count: int) -> pl.Series:
    return pl.Series([value], dtype=pl.Binary).new_from_index(0, count)
