"""Channels and their baselines."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field


class Channel(BaseModel):
    """A channel as last observed."""

    channel_id: str
    title: str | None
    subscribers: int | None = Field(description="Null where hidden.")
    views: int | None
    videos: int | None = Field(description="Public videos by its own count.")
    known_videos: int = Field(description="Videos of it that are known here.")
    outliers: int = Field(description="Detections among them.")
    observed_at: dt.datetime | None
    snapshots: int


class Usual(BaseModel):
    """What is usual for one format at one age: the posterior for the channel's next video."""

    format: str
    age_from_h: int = Field(description="The age in hours.")
    n: int = Field(description="Videos it is made of.")
    median_views: float = Field(description="10^median_log10_views - 1.")
    median_log10_views: float = Field(description="Location: log10(views + 1) that is expected.")
    mad_log10_views: float = Field(description="Median absolute deviation that is expected.")
    scale_log10: float | None = Field(
        description="Scale of the Student's t; null in rows of before there was one."
    )
    df: float | None = Field(description="Its degrees of freedom.")


class Baseline(BaseModel):
    """What is usual for a channel."""

    channel_id: str
    as_of: dt.datetime
    snapshots: int
    baselines: list[Usual]
