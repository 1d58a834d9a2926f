"""Pages of lists."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.errors import ApiError

Item = TypeVar("Item")

Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Items to pass over.")]
Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^[A-Za-z0-9_-]+$",
        description="`next_cursor` of the page before; instead of offset.",
    ),
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
        ApiError: 400: it did not come from here.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(key, list) and len(key) == parts and all(map(_is_text, key)):
            return key
    except (ValueError, RecursionError):  # no base64, no JSON, or half a surrogate pair
        pass
    raise unknown_cursor()


def unknown_cursor() -> ApiError:
    """400 for a cursor that no page has answered."""
    return ApiError(
        400,
        "UNKNOWN_CURSOR",
        "query.cursor: send next_cursor of the page before, unchanged",
        details={"errors": [{"path": "query.cursor", "reason": "no cursor of this list"}]},
    )


def _is_text(part: object) -> bool:
    return isinstance(part, str) and bool(part.encode())
