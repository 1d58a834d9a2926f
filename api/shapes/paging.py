"""Pages of lists."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.errors import ApiError

Item = TypeVar("Item")

Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Items to pass over.")]
Cursor = Annotated[
    str | None, Query(description="`next_cursor` of the page before; instead of offset.")
]


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    total: int = Field(description="Items in the whole list.")
    limit: int
    offset: int
    next_cursor: str | None = Field(None, description="Where the next page starts, if there is.")


def write_cursor(*key: object) -> str:
    """The sort key of a page's last item, opaque to clients."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def read_cursor(cursor: str, parts: int) -> list[str]:
    """What `write_cursor` wrote.

    Raises:
        ApiError: 422: it did not come from here.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(p, str) for p in key):
        raise ApiError(
            422,
            "VALIDATION_ERROR",
            "validation error: query.cursor: send next_cursor of the page before, unchanged",
            details={"errors": [{"path": "query.cursor", "reason": "no cursor of this list"}]},
        )
    return key
