"""Channels, their baselines, and outliers."""

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


class Outlier(BaseModel):
    """A video far above what is usual for its channel at its age."""

    event_id: str
    detected_at: dt.datetime = Field(description="Time of the observation that tipped it.")
    video_id: str
    channel_id: str
    title: str | None
    channel_title: str | None = None
    format: str
    published_at: dt.datetime
    age_s: int
    age_from_h: int
    views: int
    expected_views: float
    multiple: float
    z: float
    tail_probability: float
    too_recent: bool
    insufficient_history: bool
    baseline_n: int
    baseline_median_log10: float
    baseline_mad_log10: float
