"""The header that names a write."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header

LONGEST_KEY = 200  # characters

_ABOUT = "A name that you give this write: sent again, it is done once and answered the same."

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=LONGEST_KEY, description=_ABOUT)
]

# For routes that need not know of it.
DESCRIBED: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": _ABOUT,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}
