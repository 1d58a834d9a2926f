"""Polars' reader of Avro object containers, for records that were never in one.

It is much faster than anything that reads single records. Whatever is put between and behind the
records guards them: a damaged record can change its length, swallow part of its neighbour, and
still read.
"""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Sequence
from typing import Any

import polars as pl
from polars.exceptions import PanicException

from schemas.errors import UndecodableError
from schemas.varint import zigzag

_SYNC = secrets.token_bytes(16)

# Polars panics on damaged records, which is expected here and told by an exception. The trace that
# Rust would write first takes a tenth of a second, and a worker was seen to hang in it for good.
# Rust asks for this variable once, at the first panic.
os.environ["RUST_BACKTRACE"] = "0"


def container_header(fields: Sequence[dict[str, Any]]) -> bytes:
    """The beginning of a container of records with these fields.

    Defaults are left out: a writer's mean nothing, and Polars refuses those of numbers.
    """
    schema = {"type": "record", "name": "Contained", "fields": _without_defaults(list(fields))}
    metadata = b"".join(
        zigzag(len(part)) + part
        for part in (b"avro.codec", b"null", b"avro.schema", json.dumps(schema).encode())
    )
    return b"Obj\x01" + zigzag(2) + metadata + zigzag(0) + _SYNC


def block(count: int, records: bytes) -> tuple[bytes, ...]:
    """A container's block of `count` encoded records, in parts to be joined."""
    return zigzag(count), zigzag(len(records)), records, _SYNC


def read_container(parts: Sequence[bytes], columns: Sequence[str]) -> pl.DataFrame:
    """Decode a container.

    Args:
        parts: its header and blocks, to be joined.
        columns: fields to decode.

    Returns:
        One row per record, in order. Enums come as Categorical.

    Raises:
        UndecodableError: at least one record is bad; which one is not known.
    """
    try:
        return pl.read_avro(io.BytesIO(b"".join(parts)), columns=list(columns))
    except (Exception, PanicException) as error:
        # Polars panics on an enum index or a length out of range.
        raise UndecodableError(str(error)) from None


def _without_defaults(avro: Any) -> Any:
    if isinstance(avro, dict):
        return {k: _without_defaults(v) for k, v in avro.items() if k != "default"}
    if isinstance(avro, list):
        return [_without_defaults(branch) for branch in avro]
    return avro
