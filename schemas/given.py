"""What is given as JSON or in an address, and what only looks like it.

Taken for numbers are numbers, not `true` or "5"; for times are texts, not seconds since 1970: what
a schema promises is what is understood, and a slip is told instead of guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

_DIGITS = re.compile(r"\s*[+-]?[0-9._]*(e[+-]?[0-9]+)?\s*", re.IGNORECASE)

_FIRST = dt.datetime.min.replace(tzinfo=dt.UTC)
_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)


def _a_number(value: Any) -> Any:
    if isinstance(value, bool | str | bytes):
        raise ValueError(f"it is a number, not {value!r:.40}")
    return value


def _a_written_time(value: Any) -> Any:
    if isinstance(value, dt.date | None):
        return value
    if not isinstance(value, str) or _DIGITS.fullmatch(value):
        raise ValueError("it is a text like 2026-05-04T18:30:00Z")
    return value


def in_utc(value: dt.datetime) -> dt.datetime:
    """The instant in UTC, in which a time without a zone is meant.

    One that lies beyond the calendar there is its first or last moment.
    """
    if value.tzinfo is None:
        return value.replace(tzinfo=dt.UTC)
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        return _FIRST if value.year == 1 else _LAST


# Behind the bounds of a number that may also be null: before them, they leave the JSON schema.
NUMBER = BeforeValidator(_a_number)
Whole = Annotated[int, NUMBER]
Real = Annotated[float, NUMBER]
Written = BeforeValidator(_a_written_time)
Instant = Annotated[dt.datetime, Written, AfterValidator(in_utc)]
