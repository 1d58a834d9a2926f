"""Avro types: their Polars dtypes, and the smallest datum of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

# Polars imports NumPy when it first meets an array, and two threads that are the first at the same
# moment break each other's import. Every room of ours that has threads comes past here before.
pl.Series(np.empty(0))

TIMESTAMP = pl.Datetime("us", "UTC")

_PRIMITIVES: dict[str, pl.DataType] = {
    "boolean": pl.Boolean(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "string": pl.String(),
    "bytes": pl.Binary(),
}

_MINIMAL: dict[str, bytes] = {
    "null": b"",
    "boolean": b"\0",
    "int": b"\0",
    "long": b"\0",
    "float": bytes(4),
    "double": bytes(8),
    "string": b"\0",
    "bytes": b"\0",
    "array": b"\0",
    "enum": b"\0",
}


class NotColumnarError(Exception):
    """A schema has a type that cannot be decoded as a column."""


def dtype_of(avro: Any) -> pl.DataType:
    """The Polars dtype of an Avro type.

    Raises:
        NotColumnarError: maps, enums that can be null, and unions of more than null and one type
            have none.
    """
    if isinstance(avro, list):
        inner = [branch for branch in avro if branch != "null"]
        if len(inner) != 1 or len(avro) > 2 or _kind(inner[0]) == "enum":
            raise NotColumnarError(f"union {avro} is not one type that may be null")
        return dtype_of(inner[0])
    if isinstance(avro, str):
        if avro in _PRIMITIVES:
            return _PRIMITIVES[avro]
        raise NotColumnarError(f"{avro!r} refers to a named type or is unknown")
    if avro.get("logicalType") == "timestamp-micros":
        return TIMESTAMP
    match _kind(avro):
        case "enum":
            return pl.Enum(avro["symbols"])
        case "array":
            return pl.List(dtype_of(avro["items"]))
        case "record":
            return pl.Struct({f["name"]: dtype_of(f["type"]) for f in avro["fields"]})
        case str(primitive) if primitive in _PRIMITIVES and "logicalType" not in avro:
            return _PRIMITIVES[primitive]
    raise NotColumnarError(f"{avro} has no column type here")


def frame_schema(record: dict[str, Any]) -> pl.Schema:
    """Columns and dtypes of a record's fields, in their order."""
    return pl.Schema({field["name"]: dtype_of(field["type"]) for field in record["fields"]})


def minimal_datum(avro: Any) -> bytes:
    """The shortest encoding of a value of that type.

    Raises:
        NotColumnarError: of a reference to a named type.
    """
    if isinstance(avro, list):
        return b"\0" + minimal_datum(avro[0])
    kind = _kind(avro)
    if kind == "record":
        return b"".join(minimal_datum(field["type"]) for field in avro["fields"])
    if kind == "fixed":
        return bytes(avro["size"])
    if kind in _MINIMAL:
        return _MINIMAL[kind]
    raise NotColumnarError(f"no smallest datum of {avro!r}")


def _kind(avro: Any) -> Any:
    return avro["type"] if isinstance(avro, dict) else avro
