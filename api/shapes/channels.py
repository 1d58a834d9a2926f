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
    """What is usual for one format at one age."""

    format: str
    age_from_h: int
    n: int = Field(description="Videos it is made of, at most 20.")
    median_views: float
    median_log10_views: float
    mad_log10_views: float


class Baseline(BaseModel):
    """What is usual for a channel."""

    channel_id: str
    as_of: dt.datetime
    snapshots: int
    baselines: list[Usual]

