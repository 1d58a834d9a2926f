"""Events as JSON: how people and scripts write and read them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from schemas.errors import InvalidEventError
from schemas.topic import Topic


def from_json(topic: Topic, record: Any) -> dict[str, Any]:
    """A JSON object as an event: RFC 3339 strings become times, the rest stays as it is.

    Raises:
        InvalidEventError: it is no object, or a time is none.
    """
    if not isinstance(record, dict):
        raise InvalidEventError("", f"an event is a JSON object, not {type(record).__name__}")
    event = dict(record)
    for name in topic.times & event.keys():
        event[name] = _time(name, event[name])
    return event


def _time(name: str, value: Any) -> dt.datetime:
    if isinstance(value, dt.datetime):
        time = value
    elif isinstance(value, str):
        try:
            time = dt.datetime.fromisoformat(value)
        except ValueError:
            raise InvalidEventError(
                name, f"{value!r} is no time; write it like 2026-05-01T12:00:00Z"
            ) from None
    else:
        raise InvalidEventError(name, f"{value!r} is no time; write it like 2026-05-01T12:00:00Z")
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)
