"""The application's own description: what FastAPI finds, and what holds for all addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.security import is_guarded

_SCHEMES = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "HTTPBearer": {"type": "http", "scheme": "bearer"},
}
_WITHOUT_NUL = r"^[^\u0000]*$"  # no table can hold one


class Documented(FastAPI):
    """Says of every guarded address that it takes a key, and of every text that it has no NUL.

    The keys: declared on the routes, each request would look for the key once more, behind the door
    that has checked it already: it is said in the description alone. The texts: whoever keeps them
    refuses a NUL.
    """

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description; made once."""
        if self.openapi_schema is None:
            found = super().openapi()
            found.setdefault("components", {})["securitySchemes"] = _SCHEMES
            for path, operations in found["paths"].items():
                for operation in operations.values():
                    if is_guarded(path):
                        operation["security"] = [{name: []} for name in _SCHEMES]
                    for text in _texts_of(operation, found["components"].get("schemas", {})):
                        text.setdefault("pattern", _WITHOUT_NUL)
        return super().openapi()


def _texts_of(operation: dict[str, Any], shapes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas of free texts that a request of an operation may have, but for its headers."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "header":
            yield from _texts(parameter["schema"], shapes, set())
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from _texts(content["schema"], shapes, set())


def _texts(schema: Any, shapes: dict[str, Any], seen: set[str]) -> Iterator[dict[str, Any]]:
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            seen.add(name)
            yield from _texts(shapes.get(name), shapes, seen)
        return
    if schema.get("type") == "string" and not schema.keys() & {"enum", "const", "format"}:
        yield schema
    for inner in (*schema.get("anyOf", ()), *schema.get("properties", {}).values()):
        yield from _texts(inner, shapes, seen)
    yield from _texts(schema.get("items"), shapes, seen)
