"""When data of YouTube's API has to be gone, and the event that says so.

What counts is when the log received a snapshot, not when the platform was observed: the terms are
about how long data is stored, and the log deletes by the same clock. So history from files can be
ingested, and the tables are at all times what the log that is left folds into.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from schemas.topic import SEGMENT

_NAMESPACE = uuid.UUID("0d9d0f6e-5a0d-4a37-9d55-3f0a7c7b6b1e")


def last_expired(now: dt.datetime, days: int) -> dt.datetime:
    """The `before` that holds from now on for a day: a midnight.

    Nothing may get older than so many days; and the log must not delete what the tables still
    hold, or they could not be folded again from what is left. It deletes whole segments, so it
    begins one segment early. The tables begin another segment earlier.
    """
    oldest = now.astimezone(dt.UTC) - dt.timedelta(days=days) + 2 * SEGMENT
    return min(_midnight(oldest) + dt.timedelta(days=1), _midnight(now.astimezone(dt.UTC)))


def _midnight(instant: dt.datetime) -> dt.datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0)


def data_expired(before: dt.datetime) -> dict[str, Any]:
    """A DataExpired; the same instant is the same event, so that a repeated one changes nothing."""
    before = before.astimezone(dt.UTC)
    return {
        "event_id": str(uuid.uuid5(_NAMESPACE, before.isoformat(timespec="microseconds"))),
        "occurred_at": dt.datetime.now(dt.UTC),
        "before": before,
    }
