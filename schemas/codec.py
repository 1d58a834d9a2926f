"""Single events to bytes and back, in the wire format of the registry."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
from fastavro.validation import ValidationError, validate

from schemas.errors import InvalidEventError
from schemas.registry import Registry
from schemas.rows import RowReader
from schemas.topic import Topic
from schemas.wire import Headers, prefix, writer_of


class Codec:
    """Encodes with the topic's own schema; decodes what any registered schema wrote."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._writers: dict[str, tuple[bytes, Any, dict[str, str]]] = {}
        self._readers: dict[tuple[str, object], RowReader] = {}

    def encode(self, topic: Topic, record: dict[str, Any]) -> bytes:
        """The event's bytes. A life story's event names its record under `_type`.

        Raises:
            InvalidEventError: it does not fit the topic's schema; says where and why.
        """
        head, schema, names = self._writer(topic)
        datum: Any = record
        if names:
            kind = record.get("_type")
            if kind not in names:
                raise InvalidEventError("_type", f"{kind!r} is none of {', '.join(names)}")
            datum = (names[kind], {k: v for k, v in record.items() if k != "_type"})
        stream = io.BytesIO()
        stream.write(head)
        try:
            fastavro.schemaless_writer(stream, schema, datum, strict_allow_default=True)
        except Exception:
            # The writer's own message names neither field nor value; the validator's does.
            raise _explained(topic, schema, datum, record) from None
        return stream.getvalue()

    def decode(self, topic: Topic, value: bytes, headers: Headers = None) -> dict[str, Any]:
        """The event of those bytes, as the topic's own schema sees it.

        Raises:
            UndecodableError: the bytes are not what their schema says.
            UnknownSchemaError: the registry does not have it.
        """
        ref, start = writer_of(value, headers)
        reader = self._readers.get((topic.name, ref))
        if reader is None:
            reader = RowReader(self.registry.writer_schema(ref), topic.schema)
            self._readers[topic.name, ref] = reader
        return reader.read(value[start:])

    def _writer(self, topic: Topic) -> tuple[bytes, Any, dict[str, str]]:
        found = self._writers.get(topic.name)
        if found is None:
            names: dict[str, str] = {}
            if isinstance(topic.schema, list):
                names = {
                    record["name"]: f"{record['namespace']}.{record['name']}"
                    for record in topic.schema
                }
            schema = fastavro.parse_schema(topic.schema, named_schemas={})
            found = (prefix(self.registry.id_of(topic)), schema, names)
            self._writers[topic.name] = found
        return found


def _explained(topic: Topic, schema: Any, datum: Any, record: dict[str, Any]) -> InvalidEventError:
    known = {field["name"] for r in topic.records for field in r["fields"]} | {"_type"}
    for name in record:
        if name not in known:
            return InvalidEventError(name, f"{topic.name} has no such field")
    if isinstance(topic.schema, dict):
        for field in topic.schema["fields"]:
            if field["name"] not in record and "default" not in field:
                return InvalidEventError(field["name"], "is missing")
    try:
        validate(datum, schema, strict=False)
    except ValidationError as error:
        found, expected, path = error.errors[0]
        name = expected.get("name", expected) if isinstance(expected, dict) else expected
        _, _, inner = str(path).removeprefix("groundswell.").partition(".")
        return InvalidEventError(inner, f"{found!r} is not of type {name}"[:300])
    shown = json.dumps(record, default=str)[:200]
    return InvalidEventError("", f"does not fit the schema of {topic.name}: {shown}")
