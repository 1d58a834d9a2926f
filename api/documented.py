"""The application's own description: what FastAPI finds, and what holds for all addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.access.rules import READING, Publishing, Rule
from api.access.table import rules
from api.once.header import DESCRIBED
from api.security import COOKIE
from streams.identity import scopes

_KEY, _TOKEN, _OAUTH, _PAGE = "APIKeyHeader", "HTTPBearer", "OAuth2Password", "DashboardSession"
_SCHEMES = {
    _KEY: {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The installation's key, or one of a user's.",
    },
    _TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of a login, or a key.",
    },
    _OAUTH: {
        "type": "oauth2",
        "description": "Log in with e-mail address and password.",
        "flows": {"password": {"tokenUrl": "/api/v1/auth/token", "scopes": {}}},
    },
    _PAGE: {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The dashboard's session, which only reads.",
    },
}
_WITHOUT_NUL = r"^[^\u0000]*$"  # no table can hold one


class Documented(FastAPI):
    """Says of every address who may use it, and of every text that it has no NUL.

    Who: declared on the routes, each request would look for a key once more, behind the door that
    has checked it already: it is said in the description alone. The texts: whoever keeps them
    refuses a NUL.
    """

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description; made once."""
        if self.openapi_schema is None:
            found = super().openapi()
            found.setdefault("components", {})["securitySchemes"] = _SCHEMES
            for method, path, rule in rules():
                operation = found["paths"].get(path, {}).get(method.lower())
                if operation is not None:
                    operation.update(_said(method, rule))
                    if method == "POST" and rule.role is not None:
                        _may_be_repeated(operation)
            for operations in found["paths"].values():
                for operation in operations.values():
                    for text in _texts_of(operation, found["components"].get("schemas", {})):
                        text.setdefault("pattern", _WITHOUT_NUL)
        return super().openapi()


def _said(method: str, rule: Rule) -> dict[str, Any]:
    """An operation's `security`, and its rule as `x-access`."""
    if rule.role is None:
        return {"security": []}
    schemes = [_TOKEN, _OAUTH] if rule.person else [_KEY, _TOKEN, _OAUTH]
    if method in READING and rule.scope == scopes.READ:
        schemes.append(_PAGE)
    scope = "publish:{topic}" if isinstance(rule, Publishing) else rule.scope
    return {
        "security": [{scheme: []} for scheme in schemes],
        "x-access": {
            "role": rule.role.value,
            "scope": None if rule.person else scope,
            "own": rule.own,
        },
    }


def _may_be_repeated(operation: dict[str, Any]) -> None:
    """Say that it takes an Idempotency-Key, where the route does not say so itself."""
    parameters = operation.setdefault("parameters", [])
    names = {parameter.get("name", "").lower() for parameter in parameters}
    if DESCRIBED["name"].lower() not in names:
        parameters.append(DESCRIBED)


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
