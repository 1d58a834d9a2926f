"""The day of the Data API's quota: from midnight to midnight in Los Angeles."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

_LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def quota_day(at: dt.datetime) -> dt.date:
    """The date in Los Angeles at a moment (aware of its zone)."""
    return at.astimezone(_LOS_ANGELES).date()


def next_midnight(at: dt.datetime) -> dt.datetime:
    """When the day of that moment ends (UTC): 23, 24 or 25 hours after it began."""
    return _midnight(quota_day(at) + dt.timedelta(days=1))


def last_midnight(at: dt.datetime) -> dt.datetime:
    """When the day of that moment began (UTC)."""
    return _midnight(quota_day(at))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), _LOS_ANGELES).astimezone(dt.UTC)
