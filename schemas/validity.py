"""What an event must keep beyond its types, as expressions over frames.

Dashboards divide by these numbers and agents keep these times: a count below zero or a timestamp
of 1970 would stay in a fold for ever.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from schemas.rules import Rule

EARLIEST = dt.datetime(2005, 2, 14, tzinfo=dt.UTC)  # no video platform is older
FUTURE_TOLERANCE = dt.timedelta(hours=1)  # clocks of producers are not all right


def _filled(name: str) -> Rule:
    return Rule((name,), pl.col(name) == "", f"{name} is empty")


def _not_negative(name: str) -> Rule:
    return Rule((name,), pl.col(name) < 0, f"{name} is below zero; hidden counts are null")


def _not_ancient(name: str) -> Rule:
    return Rule(
        (name,),
        pl.col(name) < EARLIEST,
        f"{name} is before {EARLIEST:%Y-%m-%d}; times are microseconds since 1970, UTC",
    )


_OCCURRED = (
    _filled("event_id"),
    _not_ancient("occurred_at"),
    Rule(
        ("occurred_at",),
        pl.col("occurred_at") > pl.col("_timestamp") + FUTURE_TOLERANCE,
        "occurred_at is more than an hour after the log received it",
    ),
)

UPLOAD = (
    *_OCCURRED,
    _filled("video_id"),
    _filled("channel_id"),
    _not_negative("duration_s"),
    _not_ancient("published_at"),
)
ENGAGEMENT = (
    *_OCCURRED,
    _filled("video_id"),
    _filled("channel_id"),
    _not_negative("watch_ms"),
)
CHANNEL_SNAPSHOT = (
    *_OCCURRED,
    _filled("channel_id"),
    *map(_not_negative, ("subscribers", "views", "videos")),
)
VIDEO_SNAPSHOT = (
    *_OCCURRED,
    _filled("video_id"),
    _filled("channel_id"),
    _not_ancient("published_at"),
    *map(_not_negative, ("duration_s", "views", "likes", "comments")),
)
GENERATION_REQUEST = (
    *_OCCURRED,
    _filled("job_id"),
    _filled("prompt"),
    _not_negative("max_retries"),
)
PREDICTION = (*_OCCURRED, _filled("prediction_id"), _not_negative("actual_views"))
EXPIRY = (
    *_OCCURRED,
    _not_ancient("before"),
    Rule(
        ("before",),
        pl.col("before") > pl.col("_timestamp"),
        "before is after the log received it; what is not stored yet cannot have expired",
    ),
)
