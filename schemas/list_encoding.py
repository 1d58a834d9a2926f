"""Avro bodies of a few hundred records at once, from columns that are Python lists.

`schemas.encoding` encodes frames of many thousand rows; each of its steps costs the same for one
row as for thousands, which a request's batch is too small for. Here a column costs a list
comprehension, and nothing is looked up or called per value that can be per column.

Only values that are of the very type of their field are taken, so that a body can be made without
asking again; what else Avro would take (an int for a double) is for `schemas.codec`.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from schemas.avro_types import NotColumnarError
from schemas.encoding import varints
from schemas.varint import zigzag

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_MISSING = object()
_INT, _LONG = 1 << 31, 1 << 63
_LENGTHS = [zigzag(length) for length in range(1024)]

_number = lru_cache(65_536)(zigzag)

Column = list[Any]
Check = Callable[[Column], Iterable[int]]  # rows whose value is none of the type
Encode = Callable[[Column], list[bytes]]


class ListEncoder:
    """Splits records of one schema into columns, and encodes columns.

    Args:
        record: Avro record schema.
        prefix: bytes put before every body.

    Raises:
        NotColumnarError: at construction, for a type that is not dealt with here.
    """

    def __init__(self, record: dict[str, Any], prefix: bytes = b"") -> None:
        self._prefix = prefix
        self._fields = [
            (field["name"], field.get("default", _MISSING), *_pair(field["type"]))
            for field in record["fields"]
        ]
        self._names = frozenset(name for name, *_ in self._fields)

    def columns(self, records: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Column], set[int]]:
        """A list for each field, with defaults filled in; and the rows that do not fit.

        The values of rows that do not fit may be anything.
        """
        wrong = {
            row for row, record in enumerate(records) if not self._names.issuperset(record.keys())
        }
        columns = {}
        for name, default, check, _ in self._fields:
            column = [record.get(name, default) for record in records]
            wrong.update(check(column))
            columns[name] = column
        return columns, wrong

    def encode(self, columns: Mapping[str, Column]) -> list[bytes]:
        """Prefix and body of every row.

        Args:
            columns: as `columns` makes them, without the rows that do not fit.
        """
        pieces = [encode(columns[name]) for name, _, _, encode in self._fields]
        prefix = self._prefix
        return [prefix + b"".join(row) for row in zip(*pieces, strict=True)]


def _pair(avro: Any) -> tuple[Check, Encode]:
    if isinstance(avro, list):
        if len(avro) != 2 or "null" not in avro:
            raise NotColumnarError(f"union {avro} is not one type that may be null")
        null = avro.index("null")
        check, encode = _pair(avro[1 - null])
        heads = zigzag(null), zigzag(1 - null)
        return partial(_check_optional, check), partial(_optional, encode, *heads)
    kind = avro["type"] if isinstance(avro, dict) else avro
    logical = avro.get("logicalType") if isinstance(avro, dict) else None
    match kind, logical:
        case "string", None:
            return _check_text, _text
        case "int", None:
            return partial(_check_whole, _INT), _whole
        case "long", None:
            return partial(_check_whole, _LONG), _whole
        case "long", "timestamp-micros":
            return _check_instant, _instant
        case "double", None:
            return partial(_check_type, float), _double
        case "boolean", None:
            return partial(_check_type, bool), _boolean
        case "enum", None:
            symbols = {symbol: zigzag(place) for place, symbol in enumerate(avro["symbols"])}
            return partial(_check_symbol, symbols), lambda column: [symbols[v] for v in column]
        case "array", None:
            check, encode = _pair(avro["items"])
            return partial(_check_array, check), partial(_array, encode)
    raise NotColumnarError(f"{avro} is not encoded from lists")


def _check_type(wanted: type, column: Column) -> Iterable[int]:
    if {*map(type, column)} <= {wanted}:
        return ()
    return [row for row, value in enumerate(column) if type(value) is not wanted]


def _check_text(column: Column) -> Iterable[int]:
    if not _check_type(str, column):
        try:
            "".join(column).encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
            pass
        else:
            return ()
    return [row for row, value in enumerate(column) if not _is_text(value)]


def _is_text(value: Any) -> bool:
    try:
        return type(value) is str and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _check_whole(bound: int, column: Column) -> Iterable[int]:
    wrong = _check_type(int, column)
    if not wrong and -bound <= min(column, default=0) and max(column, default=0) < bound:
        return ()
    return [
        row
        for row, value in enumerate(column)
        if type(value) is not int or not -bound <= value < bound
    ]


def _check_instant(column: Column) -> Iterable[int]:
    wrong = _check_type(dt.datetime, column)
    if wrong or any(value.tzinfo is None for value in column):
        return [
            row
            for row, value in enumerate(column)
            if type(value) is not dt.datetime or value.tzinfo is None
        ]
    return ()


def _check_symbol(symbols: Mapping[str, bytes], column: Column) -> Iterable[int]:
    wrong = _check_type(str, column)
    if not wrong and symbols.keys() >= set(column):
        return ()
    return [
        row for row, value in enumerate(column) if type(value) is not str or value not in symbols
    ]


def _check_optional(check: Check, column: Column) -> Iterable[int]:
    there = [row for row, value in enumerate(column) if value is not None]
    return [there[row] for row in check([column[row] for row in there])]


def _check_array(check: Check, column: Column) -> Iterable[int]:
    wrong = set(_check_type(list, column))
    for row, value in enumerate(column):
        if row not in wrong and any(True for _ in check(value)):
            wrong.add(row)
    return wrong


def _text(column: Column) -> list[bytes]:
    lengths, few = _LENGTHS, len(_LENGTHS)
    coded = [value.encode() for value in column]
    return [(lengths[len(text)] if len(text) < few else zigzag(len(text))) + text for text in coded]


def _whole(column: Column) -> list[bytes]:
    return list(map(_number, column))


def micros(column: Column) -> Column:
    """Instants and nulls as microseconds since 1970."""
    return [None if value is None else (value - EPOCH) // _MICROSECOND for value in column]


def _instant(column: Column) -> list[bytes]:
    """Instants differ, and take eight bytes: a loop over bytes would be most of a record's time."""
    coded = varints(np.array(micros(column), dtype=np.int64))
    words: list[bytes] = coded.items.tolist()
    if coded.lengths is None:
        return words
    return [word[:length] for word, length in zip(words, coded.lengths.tolist(), strict=True)]


def _double(column: Column) -> list[bytes]:
    pack = struct.Struct("<d").pack
    return [pack(value) for value in column]


def _boolean(column: Column) -> list[bytes]:
    return [b"\1" if value else b"\0" for value in column]


def _optional(encode: Encode, null: bytes, head: bytes, column: Column) -> list[bytes]:
    coded = iter(encode([value for value in column if value is not None]))
    return [null if value is None else head + next(coded) for value in column]


def _array(encode: Encode, column: Column) -> list[bytes]:
    """One block of items, where there are any, then the empty block that ends an array."""
    return [
        zigzag(len(value)) + b"".join(encode(value)) + b"\0" if value else b"\0" for value in column
    ]
