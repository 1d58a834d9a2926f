"""The application's own description, with what the table says of who may use each address."""

from __future__ import annotations

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


class Documented(FastAPI):
    """Says of every address who may use it.

    Declared on the routes, each request would look for a key once more, behind the door that has
    checked it already: it is said in the description alone.
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
