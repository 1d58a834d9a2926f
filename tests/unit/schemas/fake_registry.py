"""A registry of schemas in memory, for tests that need no server."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import fastavro

from schemas.errors import UnknownSchemaError
from schemas.registry import Registry


class FakeRegistry(Registry):
    def __init__(self, schemas: dict[int | UUID, Any]) -> None:
        self._schemas = schemas

    def writer_schema(self, ref: int | UUID) -> Any:
        try:
            return self._schemas[ref]
        except KeyError:
            raise UnknownSchemaError(f"the registry has no schema {ref}") from None

    def id_of(self, topic: Any) -> int:
        for ref, schema in self._schemas.items():
            if schema == topic.schema and isinstance(ref, int):
                return ref
        raise UnknownSchemaError(topic.name)


def body_of(schema: Any, record: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema, named_schemas={}), record)
    return stream.getvalue()
