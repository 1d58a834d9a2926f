"""Videos, observed and generated."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.shapes.jobs import Seed
from api.shapes.written import NOT_BLANK
from schemas.given import Whole


class ObservedVideo(BaseModel):
    """A video of a platform, with its latest counts."""

    video_id: str
    origin: Literal["observed"] = "observed"
    channel_id: str
    title: str | None
    description: str | None = None
    duration_s: int | None
    category: str | None
    language: str | None = None
    tags: list[str] = []
    published_at: dt.datetime | None
    views: int | None = Field(description="Null where hidden or never observed.")
    likes: int | None
    comments: int | None
    observed_at: dt.datetime | None = Field(description="Time of those counts.")
    snapshots: int = Field(description="Observations so far.")


class GeneratedVideo(BaseModel):
    """A video that was asked for here."""

    video_id: str
    origin: Literal["generated"] = "generated"
    status: Literal["pending", "processing", "completed", "failed", "cancelled"]
    progress: float = Field(description="0 to 100.")
    video_url: str | None = None
    thumbnail_url: str | None = None
    processing_time: str | None = Field(None, description='Like "12.0s", "2.0m", "1.0h".')
    error_message: str | None = None
    created_at: dt.datetime
    completed_at: dt.datetime | None = None
    metadata: dict[str, Any] = Field(description="The request.")


class VideoRequest(BaseModel):
    """A wish for a video."""

    model_config = ConfigDict(str_strip_whitespace=True, extra="forbid")

    prompt: str = Field(min_length=1, max_length=1000, json_schema_extra=NOT_BLANK)
    num_steps: Whole = Field(20, ge=1, le=100)
    quality: Literal["low", "medium", "high"] = Field(
        "medium", description="high needs at least 50 steps, low at most 30."
    )
    width: Whole = Field(512, ge=256, le=1024, multiple_of=8)
    height: Whole = Field(512, ge=256, le=1024, multiple_of=8)
    seed: Seed | None = None


def spoken_seconds(seconds: float | None) -> str | None:
    """A time for people: "12.0s" under a minute, "2.0m" under an hour, then "1.0h"."""
    if seconds is None:
        return None
    if seconds < 60:
        return f"{seconds:.1f}s"
    if seconds < 3600:
        return f"{seconds / 60:.1f}m"
    return f"{seconds / 3600:.1f}h"
