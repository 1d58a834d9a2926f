"""The bytes around an Avro body: which schema wrote it, and where the body starts.

Three framings are read, all of the Confluent wire format:

* magic 0 and a four-byte id before the body (the only one that is written here),
* magic 1 and a sixteen-byte GUID before the body,
* either of the two in the record header `__value_schema_id`, the value being the bare body.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from schemas.errors import UndecodableError

HEADER = "__value_schema_id"
PREFIX = 5  # bytes: magic 0 and the id

_ID = struct.Struct(">bI")
_GUID_PREFIX = 17

Headers = Iterable[tuple[str, bytes | None]] | None


class Writer(NamedTuple):
    """Which schema wrote a record, and how many bytes stand before its body."""

    schema: int | UUID
    start: int


def prefix(schema_id: int) -> bytes:
    """The five bytes that go before a body written with that schema."""
    return _ID.pack(0, schema_id)


def writer_of(value: bytes, headers: Headers = None) -> Writer:
    """Find the writer schema of a record.

    Raises:
        UndecodableError: the value is in none of the three framings.
    """
    for name, content in headers or ():
        if name == HEADER and content is not None:
            schema, length = _read(content)
            if length != len(content):
                raise UndecodableError(f"header {HEADER} has {len(content)} bytes, not {length}")
            return Writer(schema, 0)
    return Writer(*_read(value))


def _read(data: bytes) -> tuple[int | UUID, int]:
    if len(data) >= PREFIX and data[0] == 0:
        return _ID.unpack_from(data)[1], PREFIX
    if len(data) >= _GUID_PREFIX and data[0] == 1:
        return UUID(bytes=data[1:_GUID_PREFIX]), _GUID_PREFIX
    shown = data[:8].hex(" ") or "nothing"
    raise UndecodableError(
        f"no schema id: the value has {len(data)} bytes and starts with {shown}; expected magic 0 "
        f"and a four-byte id, magic 1 and a GUID, or the header {HEADER}"
    )
