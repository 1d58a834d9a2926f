"""Frames to Avro bodies, a column at a time.

Each column is encoded for all rows at once into ragged bytes (data and a length per row), then the
columns are woven into rows. Records with arrays of records, which are rare and low in volume, are
left to fastavro.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import fastavro
import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.avro_types import TIMESTAMP

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
        self._prefix = np.frombuffer(prefix, dtype=np.uint8)
        self._columns: list[tuple[str, Encoder]] | None = None
        try:
            self._columns = [(f["name"], _encoder(f["type"])) for f in record["fields"]]
        except _NoEncoderError:
            self._schema = fastavro.parse_schema(record, named_schemas={})
            self._head = prefix

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
        rows = frame.height
        head = Ragged(np.tile(self._prefix, rows), np.full(rows, len(self._prefix), dtype=np.int64))
        parts = [head]
        for name, encode in self._columns:
            try:
                parts.append(encode(frame[name]))
            except _NullError:
                raise ValueError(f"{name} is null in some row, which its schema forbids") from None
        woven = weave(parts)
        data, ends = woven.data.tobytes(), np.cumsum(woven.lengths).tolist()
        starts = [0, *ends[:-1]]
        return [data[start:end] for start, end in zip(starts, ends, strict=True)]

    def _encode_row(self, row: dict[str, Any]) -> bytes:
        stream = io.BytesIO()
        stream.write(self._head)
        fastavro.schemaless_writer(stream, self._schema, row)
        return stream.getvalue()


Encoder = Callable[[pl.Series], Ragged]


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


def _string(column: pl.Series) -> Ragged:
    if column.null_count():
        raise _NullError
    sizes = column.str.len_bytes().cast(pl.Int64).to_numpy()
    joined = "".join(column.to_list()).encode()
    return weave([varints(sizes), Ragged(np.frombuffer(joined, dtype=np.uint8), sizes)])


def _array(encode: Encoder, column: pl.Series) -> Ragged:
    """One block of items, where there are any, then the empty block that ends an array."""
    if column.null_count():
        raise _NullError
    counts = column.list.len().cast(pl.Int64).to_numpy()
    filled = counts > 0
    items = encode(column.filter(pl.Series(filled)).explode())
    ends = np.cumsum(counts)
    bytes_before = np.concatenate(([0], np.cumsum(items.lengths)))
    size = bytes_before[ends] - bytes_before[ends - counts]
    counted = varints(counts)
    kept = np.repeat(filled, counted.lengths)
    heads = Ragged(counted.data[kept], np.where(filled, counted.lengths, 0))
    end = Ragged(np.zeros(len(column), dtype=np.uint8), np.ones(len(column), dtype=np.int64))
    return weave([heads, Ragged(items.data, size), end])


def _optional(encode: Encoder, column: pl.Series) -> Ragged:
    """The branch of `["null", T]`, then the value where there is one."""
    present = column.is_not_null().to_numpy()
    values = encode(column.drop_nulls())
    lengths = np.zeros(len(column), dtype=np.int64)
    lengths[present] = values.lengths
    branch = Ragged(np.where(present, 2, 0).astype(np.uint8), np.ones(len(column), dtype=np.int64))
    return weave([branch, Ragged(values.data, lengths)])
