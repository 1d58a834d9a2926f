"""Single Avro bodies, read one at a time: for life stories, and to find the bad one in a chunk."""

from __future__ import annotations

import io
from typing import Any

import fastavro

from schemas.errors import UndecodableError


class RowReader:
    """Reads bodies of one writer schema as dicts of the reader's schema.

    A union of records gives each dict its record's name under `_type`.

    Raises:
        UndecodableError: at construction, when the writer's schema is no Avro.
    """

    def __init__(self, writer: Any, reader: Any) -> None:
        # Two independent tables of names: one schema's types must not leak into the other.
        try:
            self._writer = fastavro.parse_schema(writer, named_schemas={})
        except Exception as error:
            raise UndecodableError(f"the writer's schema is none: {error}") from None
        self._reader = fastavro.parse_schema(reader, named_schemas={})
        self._union = isinstance(reader, list)

    def read(self, body: bytes) -> dict[str, Any]:
        """Decode one body, to its last byte.

        Raises:
            UndecodableError: it is not what the writer's schema says.
        """
        stream = io.BytesIO(body)
        try:
            found = fastavro.schemaless_reader(
                stream, self._writer, self._reader, return_record_name=self._union
            )
        except Exception as error:
            # fastavro raises whatever its parser stumbles over: IndexError, UnicodeDecodeError ...
            raise UndecodableError(f"{type(error).__name__}: {error}") from None
        rest = len(body) - stream.tell()
        if rest:
            raise UndecodableError(f"{rest} bytes are left over behind the event")
        if self._union:
            if not isinstance(found, tuple):
                raise UndecodableError("its schema is not one of the story's records")
            name, record = found
            return {"_type": name.rsplit(".", 1)[-1], **record}
        if not isinstance(found, dict):
            raise UndecodableError(f"it is a {type(found).__name__}, not a record")
        return found
