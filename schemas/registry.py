"""The schema registry: writer schemas by id, subjects by topic.

The client is confluent-kafka's; this adds parsed schemas, memory, and errors that say what to do.
"""

from __future__ import annotations

import json
import threading
import warnings
from typing import Any, Self
from uuid import UUID

import fastavro
from authlib.deprecate import AuthlibDeprecationWarning

from schemas.errors import IncompatibleSchemaError, UnknownSchemaError
from schemas.topic import Topic

with warnings.catch_warnings():
    # authlib, which the client imports, announces in every process that it will change its HTTP
    # library, and sets a filter of its own when it is imported.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.schema_registry.error import SchemaRegistryError

__all__ = ["COMPATIBILITY", "Registry", "SchemaRegistryError"]

COMPATIBILITY = "BACKWARD_TRANSITIVE"

_NOT_FOUND = 404
_CONFLICT = 409


class Registry:
    """Writer schemas, fetched once and kept. Safe to share between threads."""

    def __init__(self, config: dict[str, str]) -> None:
        self.url = config["url"]
        self._client = SchemaRegistryClient(config)
        self._writers: dict[int | UUID, Any] = {}
        self._ids: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.__exit__(None, None, None)

    def writer_schema(self, ref: int | UUID) -> Any:
        """The schema of that id or GUID, as parsed JSON.

        Raises:
            UnknownSchemaError: the registry has none. (A registry that cannot be reached raises
                its own error: that is no fault of the record.)
        """
        with self._lock:
            if ref in self._writers:
                return self._writers[ref]
        try:
            found = (
                self._client.get_schema_by_guid(str(ref))
                if isinstance(ref, UUID)
                else self._client.get_schema(ref)
            )
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise UnknownSchemaError(f"the registry has no schema {ref}") from None
            raise
        if found.schema_type != "AVRO":
            raise UnknownSchemaError(f"schema {ref} is {found.schema_type}, not Avro")
        try:
            parsed = json.loads(found.schema_str)
            fastavro.parse_schema(parsed, named_schemas={})
        except Exception as error:
            # fastavro raises what its parser stumbles over; the record is to blame, not us.
            raise UnknownSchemaError(f"schema {ref} cannot be read: {error}") from None
        with self._lock:
            self._writers[ref] = parsed
        return parsed

    def id_of(self, topic: Topic) -> int:
        """The id under which the topic's own schema is registered, registering it if need be."""
        with self._lock:
            if topic.subject in self._ids:
                return self._ids[topic.subject]
        schema_id = self.register(topic)
        with self._lock:
            self._ids[topic.subject] = schema_id
        return schema_id

    def register(self, topic: Topic) -> int:
        """Register the topic's schema under its subject; repeated calls answer the same id.

        Raises:
            IncompatibleSchemaError: it could not read what was written before.
        """
        try:
            return int(self._client.register_schema(topic.subject, _schema(topic)))
        except SchemaRegistryError as error:
            if error.http_status_code == _CONFLICT:
                raise IncompatibleSchemaError(
                    f"{topic.subject}: the schema in schemas/avro/{topic.name}.avsc cannot read "
                    f"events written with an earlier version ({error.error_message}); add fields "
                    "with defaults, or make a v2 topic"
                ) from None
            raise

    def require_compatibility(self, topic: Topic) -> None:
        """Ask the registry to refuse incompatible versions of the topic's schema."""
        self._client.set_compatibility(subject_name=topic.subject, level=COMPATIBILITY)

    def compatible(self, topic: Topic) -> bool:
        """Whether the topic's schema can read every registered version of its subject."""
        try:
            versions = self._client.get_versions(topic.subject)
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                return True
            raise
        return all(
            self._client.test_compatibility(topic.subject, _schema(topic), version)
            for version in versions
        )


def _schema(topic: Topic) -> Schema:
    return Schema(json.dumps(topic.schema), schema_type="AVRO")
