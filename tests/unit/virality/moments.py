"""Moments for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from streams.virality.moments import MOMENT

PUBLISHED = dt.datetime(2026, 6, 1, 16, tzinfo=dt.UTC)


def earlier(views: int, days: float, *, age_h: float = 30.0) -> dict[str, Any]:
    """An earlier video of the channel, published so many days before, counted at an age."""
    published = PUBLISHED - dt.timedelta(days=days)
    at = published + dt.timedelta(hours=age_h)
    return {
        "video_id": f"earlier-{days}",
        "published_at": published,
        "category": "24",
        "duration_s": 600,
        "views": views,
        "observed_at": at,
        "first_views": views,
        "first_observed_at": at,
    }


def count(hours: float, views: int | None, likes: int | None = None) -> dict[str, Any]:
    """Counts so many hours after publication."""
    at = PUBLISHED + dt.timedelta(hours=hours)
    return {"at": at, "views": views, "likes": likes, "comments": None}


def moment(
    observed: list[dict[str, Any]] | None = None,
    history: list[dict[str, Any]] | None = None,
    *,
    age_h: float | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A moment: at the last count, or at publication where there is none."""
    observed = observed or []
    at = observed[-1]["at"] if observed else PUBLISHED
    if age_h is not None:
        at = PUBLISHED + dt.timedelta(hours=age_h)
    return {
        "video_id": "video",
        "channel_id": "channel",
        "at": at,
        "published_at": PUBLISHED,
        "title": "How we built a house in the forest",
        "tags": ["house", "forest"],
        "tag_count": 2,
        "category": "24",
        "language": "en",
        "duration_s": 620,
        "history": history or [],
        "observed": observed,
        **fields,
    }


def frame(*moments: dict[str, Any]) -> pl.DataFrame:
    """As a frame."""
    return pl.DataFrame(list(moments), schema=MOMENT)


def usual(count: int = 12, views: int = 50_000) -> list[dict[str, Any]]:
    """A channel's past: videos every three days around some views."""
    spread = np.random.default_rng(5).normal(0, 0.25, count)
    return [
        earlier(int(views * 10 ** spread[at]), 3 * (count - at), age_h=20 + at % 5)
        for at in range(count)
    ]
