"""Frames to Avro bodies, a column at a time.

Every column becomes one or a few pieces (`schemas.ragged`): numbers are encoded for all rows at
once, texts are put end to end by Polars. The pieces of all columns are then laid side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.avro_types import TIMESTAMP, NotColumnarError
from schemas.ragged import Constant, Lengths, Padded, Piece, Ragged, lay, ragged
from schemas.varint import zigzag

_BLOCK = 32_768  # rows at once
_BLOCK_BYTES = 64 << 20  # fewer rows at once where they are long
_FEW_ITEMS = 8  # arrays that all have the same few items are laid item by item

_GROUP = 7  # payload bits in a byte of a varint
_ONE_BYTE = 1 << _GROUP  # coded numbers below take a byte
_ONE_WORD = 1 << 8 * _GROUP  # coded numbers below take eight bytes at most
_LONGEST = 10  # bytes of a varint

U64 = npt.NDArray[np.uint64]


class FrameEncoder:
    """Encodes frames of one record schema.

    Args:
        record: Avro record schema.
        prefix: bytes put before every body.

    Raises:
        NotColumnarError: at construction, for a type that no column can have.
    """

    def __init__(self, record: dict[str, Any], prefix: bytes = b"") -> None:
        self._prefix = prefix
        self._columns = [(field["name"], _encoder(field["type"])) for field in record["fields"]]

    def encode(self, frame: pl.DataFrame) -> list[bytes]:
        """Prefix and body of every row.

        Args:
            frame: has a column for every field, with the field's dtype (`frame_schema`).

        Raises:
            ValueError: a value is null where its field cannot be.
        """
        return [body for block in self.blocks(frame) for body in block.to_list()]

    def blocks(self, frame: pl.DataFrame) -> Iterator[Ragged]:
        """The same, block by block, without a Python object for each row.

        Raises:
            ValueError: as `encode`.
        """
        fitting = frame.height * _BLOCK_BYTES // max(1, int(frame.estimated_size()))
        for block in frame.iter_slices(max(1, min(_BLOCK, fitting))):
            yield lay(self._pieces(block), block.height)

    def _pieces(self, frame: pl.DataFrame) -> list[Piece]:
        pieces: list[Piece] = [Constant(self._prefix)]
        for name, encode in self._columns:
            try:
                pieces += encode(frame[name])
            except _NullError:
                raise ValueError(f"{name} is null in some row, which its schema forbids") from None
        return pieces


Encoder = Callable[[pl.Series], list[Piece]]


class _NullError(Exception):
    """A null where none may be."""


def texts(column: pl.Series) -> Ragged:
    """The bytes of Strings or Binaries, which must not be null."""
    cells = column.cast(pl.Binary)
    data = cells.cast(pl.List(pl.UInt8)).explode(empty_as_null=False)
    return ragged(data.to_numpy(), cells.bin.size().to_numpy())


def varints(numbers: npt.NDArray[np.int64]) -> Padded:
    """Avro ints and longs: zigzag, then groups of seven bits, the lowest first."""
    coded = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    largest = int(coded.max(initial=0))
    if largest < _ONE_BYTE:
        return Padded(coded.astype(np.uint8).view("V1"))
    lengths = np.ones(len(coded), dtype=np.uint8)
    bound = _ONE_BYTE
    while bound <= largest:
        lengths += coded >= np.uint64(bound)
        bound <<= _GROUP
    low = _spread_bits(coded)
    if largest < _ONE_WORD:
        return Padded((low | _MORE[lengths, 0]).astype("<u8", copy=False).view("V8"), lengths)
    rest = coded >> np.uint64(8 * _GROUP)
    words = np.stack([low, _spread_bits(rest)], axis=1) | _MORE[lengths]
    return Padded(words.astype("<u8", copy=False).view("V16")[:, 0], lengths)


def _spread_bits(words: U64) -> U64:
    """The lowest 56 bits, seven to a byte: each half moved aside, then each half of a half."""
    for width, low in (
        (28, 0x000000000FFFFFFF),
        (14, 0x00003FFF00003FFF),
        (7, 0x007F007F007F007F),
    ):
        high = np.uint64(low << width)
        words = (words & np.uint64(low)) | (words & high) << np.uint64(32 * width // 28 - width)
    return words


def _more() -> U64:
    """Continuation bits of a varint by its length: one on every byte but the last."""
    table = np.zeros((_LONGEST + 1, 16), dtype=np.uint8)
    for length in range(1, _LONGEST + 1):
        table[length, : length - 1] = 0x80
    return table.view("<u8").astype(np.uint64)


_MORE = _more()


def _encoder(avro: Any) -> Encoder:
    if isinstance(avro, list):
        if len(avro) != 2 or "null" not in avro:
            raise NotColumnarError(f"union {avro} is not one type that may be null")
        null = avro.index("null")
        heads = zigzag(null), zigzag(1 - null)
        return partial(_optional, _encoder(avro[1 - null]), *heads)
    kind = avro["type"] if isinstance(avro, dict) else avro
    match kind:
        case "int" | "long":
            return _required(_long)
        case "double":
            return _required(partial(_float, "<f8"))
        case "float":
            return _required(partial(_float, "<f4"))
        case "boolean":
            return _required(_boolean)
        case "string" | "bytes":
            return _required(_string)
        case "enum":
            return _required(partial(_enum, avro["symbols"]))
        case "array":
            return _required(partial(_array, _encoder(avro["items"])))
        case "record":
            fields = [(field["name"], _encoder(field["type"])) for field in avro["fields"]]
            return _required(partial(_record, fields))
    raise NotColumnarError(f"{avro} has no column type here")


def _required(encode: Encoder) -> Encoder:
    def encode_all(column: pl.Series) -> list[Piece]:
        if column.null_count():
            raise _NullError
        return encode(column)

    return encode_all


def _optional(encode: Encoder, null: bytes, value: bytes, column: pl.Series) -> list[Piece]:
    """The branch of a union with null, then the value where there is one."""
    nulls = column.null_count()
    if nulls == len(column):
        return [Constant(null)]
    if not nulls:
        return [Constant(value), *encode(column)]
    there = column.is_not_null().to_numpy()
    branches = np.where(there, value[0], null[0]).astype(np.uint8)
    pieces = encode(column.drop_nulls())
    return [Padded(branches.view("V1")), *(piece.spread(there) for piece in pieces)]


def _long(column: pl.Series) -> list[Piece]:
    if column.dtype.is_temporal():
        column = column.cast(TIMESTAMP).to_physical()
    return [varints(column.to_numpy().astype(np.int64, copy=False))]


def _float(dtype: str, column: pl.Series) -> list[Piece]:
    numbers = np.ascontiguousarray(column.to_numpy(), dtype=dtype)
    return [Padded(numbers.view(f"V{numbers.itemsize}"))]


def _boolean(column: pl.Series) -> list[Piece]:
    return [Padded(column.to_numpy().astype(np.uint8).view("V1"))]


def _enum(symbols: list[str], column: pl.Series) -> list[Piece]:
    return _long(column.cast(pl.Enum(symbols)).to_physical())


def _string(column: pl.Series) -> list[Piece]:
    content = texts(column)
    return [_counts(content.lengths), content]


def _array(encode: Encoder, column: pl.Series) -> list[Piece]:
    """One block of items, where there are any, then the empty block that ends an array."""
    counts = column.list.len().to_numpy().astype(np.int64)
    least, most = int(counts.min()), int(counts.max())
    end = Constant(zigzag(0))
    if not most:
        return [end]
    pieces = encode(column.explode(empty_as_null=False))
    if least == most <= _FEW_ITEMS:
        places = (slice(first, None, most) for first in range(most))
        inner = [piece.part(place) for place in places for piece in pieces]
        return [Constant(zigzag(most)), *inner, end]
    some = counts > 0
    return [_counts(counts[some]).spread(some), _grouped(pieces, counts), end]


def _grouped(pieces: list[Piece], counts: Lengths) -> Ragged:
    """Items of a row, as many as its count, in one."""
    items = lay(pieces, int(counts.sum())).packed()
    ends = np.cumsum(counts)
    limits = np.append(items.starts, items.lengths.sum())
    starts = limits[ends - counts]
    return Ragged(items.data, starts, limits[ends] - starts)


def _record(fields: list[tuple[str, Encoder]], column: pl.Series) -> list[Piece]:
    pieces: list[Piece] = []
    for name, encode in fields:
        pieces += encode(column.struct.field(name))
    return pieces


def _counts(counts: Lengths) -> Padded:
    return varints(counts.astype(np.int64))
