"""What an event must keep beyond its types, as expressions over frames.

Dashboards divide by these numbers and agents keep these times: a count below zero or a timestamp
of 1970 would stay in a fold for ever. The rules look only at the event and at the time the log
gave it, never at a clock, so that a replay judges as the first run did.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    ENGAGEMENT,
    GENERATION_REQUESTS,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
    Topic,
)

EARLIEST = dt.datetime(2005, 2, 14, tzinfo=dt.UTC)  # no video platform is older
FUTURE_TOLERANCE = dt.timedelta(hours=1)  # clocks of producers are not all right


@dataclass(frozen=True)
class Rule:
    """A condition that every event of a topic keeps.

    Attributes:
        broken: true where the event breaks it; null counts as kept.
        message: what is wrong and what was expected.
    """

    columns: tuple[str, ...]
    broken: pl.Expr
    message: str


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

_RULES: dict[str, tuple[Rule, ...]] = {
    VIDEO_UPLOADS.events: (
        *_OCCURRED,
        _filled("video_id"),
        _filled("channel_id"),
        _not_negative("duration_s"),
        _not_ancient("published_at"),
    ),
    ENGAGEMENT.events: (
        *_OCCURRED,
        _filled("video_id"),
        _filled("channel_id"),
        _not_negative("watch_ms"),
    ),
    CHANNEL_SNAPSHOTS.events: (
        *_OCCURRED,
        _filled("channel_id"),
        *map(_not_negative, ("subscribers", "views", "videos")),
    ),
    VIDEO_SNAPSHOTS.events: (
        *_OCCURRED,
        _filled("video_id"),
        _filled("channel_id"),
        _not_ancient("published_at"),
        *map(_not_negative, ("duration_s", "views", "likes", "comments")),
    ),
    GENERATION_REQUESTS.events: (
        *_OCCURRED,
        _filled("job_id"),
        _filled("prompt"),
        _not_negative("max_retries"),
    ),
}


def violations(topic: Topic, frame: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Rows that break a rule of their topic, with the first reason of each.

    Args:
        topic: where the events are from.
        frame: decoded events with `_timestamp`; rules about absent columns are passed over.

    Yields:
        Row number and reason.
    """
    rules = [
        rule for rule in _RULES.get(topic.events, ()) if set(rule.columns) <= set(frame.columns)
    ]
    if not rules or frame.is_empty():
        return
    broken = [rule.broken.fill_null(value=False) for rule in rules]
    if not frame.select(pl.any_horizontal(broken).any()).item():
        return
    first = pl.coalesce(
        pl.when(expression).then(pl.lit(rule.message))
        for rule, expression in zip(rules, broken, strict=True)
    )
    reasons = frame.select(pl.int_range(pl.len()).alias("row"), first.alias("reason"))
    yield from reasons.filter(pl.col("reason").is_not_null()).iter_rows()
