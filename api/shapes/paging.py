"""Pages of lists.

Offsets are for people who turn pages; what is added or removed meanwhile shifts them. A cursor is
the sort key of the last item that was seen: the next page begins behind it, whatever came or went.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.errors import ApiError

Item = TypeVar("Item")

Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Items to pass over.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=2_000,
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


class Keyset:
    """The sort key of a list, unique to an item, by which its pages follow one another.

    Args:
        name: of the list and its order; a cursor of another is refused.
        columns: of the list's rows, in the order of the sort, each with what reads its text.
    """

    def __init__(self, name: str, **columns: Callable[[str], Any]) -> None:
        self._name = name
        self._columns = columns

    def after(self, cursor: str | None) -> dict[str, Any]:
        """What the statement asks for: `after` (whether there is a cursor), `after_<column>`.

        Raises:
            ApiError: 400: the cursor is not of this list.
        """
        if cursor is None:
            return {"after": False, **{f"after_{column}": None for column in self._columns}}
        parts = _read(cursor)
        if len(parts) != len(self._columns) + 1 or parts[0] != self._name:
            raise _no_cursor()
        found: dict[str, Any] = {"after": True}
        for (column, read), part in zip(self._columns.items(), parts[1:], strict=True):
            if part is not None and not isinstance(part, str):
                raise _no_cursor()
            try:
                found[f"after_{column}"] = None if part is None else _told(part, read)
            except ValueError:
                raise _no_cursor() from None
        return found

    def cursor(self, rows: Sequence[Mapping[str, Any]], limit: int) -> str | None:
        """Where the next page starts; None behind the last one."""
        if not rows or len(rows) < limit:
            return None
        values = [_written(rows[-1][column]) for column in self._columns]
        text = json.dumps([self._name, *values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def instant(text: str) -> dt.datetime:
    """An instant of a cursor.

    Raises:
        ValueError: it is none.
    """
    return dt.datetime.fromisoformat(text)


def _told(part: str, read: Callable[[str], Any]) -> Any:
    part.encode()  # half a surrogate pair is no text that a database has
    return read(part)


def _written(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _read(cursor: str) -> list[Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise _no_cursor() from None
    return found if isinstance(found, list) else []


def _no_cursor() -> ApiError:
    return ApiError(
        400,
        "UNKNOWN_CURSOR",
        "query.cursor: send next_cursor of the page before, unchanged",
        details={"errors": [{"path": "query.cursor", "reason": "no cursor of this list"}]},
    )
