"""What YouTube says now, and what asking costs."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, Field


class FoundChannel(BaseModel):
    """A channel that a search found."""

    channel_id: str
    title: str
    description: str


class FoundChannels(BaseModel):
    """The most relevant first."""

    items: list[FoundChannel]
    total: int = Field(description="Of those that are shown: YouTube's own total is an estimate.")


class ChannelInfo(BaseModel):
    """A channel as YouTube shows it."""

    channel_id: str
    title: str
    description: str
    handle: str | None
    country: str | None
    published_at: dt.datetime
    subscribers: int | None = Field(description="Null where hidden; rounded to three digits.")
    views: int | None
    videos: int | None
    topics: list[str] = Field(description="Addresses of the encyclopedia's pages about it.")
    url: str


class UploadedVideo(BaseModel):
    """A video as YouTube shows it."""

    video_id: str
    title: str
    description: str
    tags: list[str]
    published_at: dt.datetime
    duration_s: int | None = Field(description="Null: live, or not begun.")
    category: str | None
    views: int | None = Field(description="Null where hidden; so are likes and comments.")
    likes: int | None
    comments: int | None
    live: Literal["none", "live", "upcoming"]
    url: str


class UploadedVideos(BaseModel):
    """A channel's newest uploads, newest first."""

    channel_id: str
    items: list[UploadedVideo]
    total: int = Field(description="Of those that are shown.")


class PurposeUnits(BaseModel):
    """Units of one purpose."""

    spent: int
    left: int = Field(description="That it may still spend today; the poller has a share only.")


class CacheUse(BaseModel):
    """How often what was asked for was remembered."""

    hits: int
    misses: int
    unchanged: int = Field(description="Answers not sent again: their ETag was still right.")
    hit_ratio: float | None = Field(description="Null before anything was asked for.")


class Quota(BaseModel):
    """The day's units of the Data API, and what the cache saves of them."""

    day: dt.date = Field(description="The date in Los Angeles, whose midnights are the limits.")
    per_day: int
    spent: int
    left: int
    exhausted: bool = Field(description="Whether the API itself said that nothing is left.")
    resets_at: dt.datetime
    searches_left: int | None = Field(description="Null: searches are paid for with units.")
    purposes: dict[str, PurposeUnits]
    cache: CacheUse
