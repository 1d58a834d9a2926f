"""The application's own description, with the keys in it that the door asks for."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.once.header import DESCRIBED
from api.security import is_guarded

_SCHEMES = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "HTTPBearer": {"type": "http", "scheme": "bearer"},
}


class Documented(FastAPI):
    """Says of every guarded address that it takes a key.

    Declared on the routes, each request would look for the key once more, behind the door that has
    checked it already: it is said in the description alone.
    """

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description; made once."""
        if self.openapi_schema is None:
            found = super().openapi()
            found.setdefault("components", {})["securitySchemes"] = _SCHEMES
            for path, operations in found["paths"].items():
                if is_guarded(path):
                    for method, operation in operations.items():
                        operation["security"] = [{name: []} for name in _SCHEMES]
                        if method == "post":
                            _may_be_repeated(operation)
        return super().openapi()


def _may_be_repeated(operation: dict[str, Any]) -> None:
    """Say that it takes an Idempotency-Key, where the route does not say so itself."""
    parameters = operation.setdefault("parameters", [])
    names = {parameter.get("name", "").lower() for parameter in parameters}
    if DESCRIBED["name"].lower() not in names:
        parameters.append(DESCRIBED)
