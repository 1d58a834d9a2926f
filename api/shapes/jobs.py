"""Generation jobs, in the camelCase of their documented clients."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.shapes.written import NOT_BLANK, WEBHOOK
from schemas.given import NUMBER, Real, Whole
from streams.webhooks.addresses import URL_MAX

Status = Literal["queued", "processing", "completed", "failed", "cancelled"]
Priority = Literal["high", "default", "low"]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1), NUMBER]


class Camel(BaseModel):
    """Written in camelCase; read in either."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class JobMetadata(BaseModel):
    """The client's own facts, kept as they come; `priority` chooses the queue."""

    model_config = ConfigDict(extra="allow")

    priority: Priority = "default"


class JobRequest(Camel):
    """A wish for a video."""

    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(min_length=1, max_length=200)
    prompt: str = Field(min_length=1, max_length=5000, json_schema_extra=NOT_BLANK)
    metadata: JobMetadata | None = None
    max_retries: Whole = Field(3, ge=0, le=10)
    width: Whole = Field(512, ge=256, le=1024, multiple_of=8)
    height: Whole = Field(512, ge=256, le=1024, multiple_of=8)
    num_steps: Whole = Field(20, ge=1, le=100)
    quality: Literal["low", "medium", "high"] = "medium"
    seed: Seed | None = None
    duration_s: Real = Field(4.0, ge=0.5, le=60)
    provider: str | None = Field(
        None, min_length=1, max_length=100, description="Preferred provider."
    )
    webhook_url: str | None = Field(
        None,
        max_length=URL_MAX,
        description="Where the job's end is told (http, https).",
        json_schema_extra=WEBHOOK,
    )


class Job(Camel):
    """A generation job."""

    id: str
    user_id: str
    status: Status
    prompt: str
    priority: Priority
    metadata: dict[str, Any]
    progress: float = Field(description="0 to 100.")
    step: str | None = Field(None, description="What is being done.")
    result: dict[str, Any] | None = Field(description="Links to the video, when it is there.")
    retry_count: int = Field(description="Attempts begun after the first.")
    max_retries: int
    used_provider: str | None
    used_model: str | None
    generation_time_ms: int | None
    error_message: str | None
    source_video_id: str | None = Field(None, description="The video this is a teaser of.")
    requested_by: str
    created_at: dt.datetime
    updated_at: dt.datetime
    started_at: dt.datetime | None
    completed_at: dt.datetime | None


class JobList(Camel):
    """A part of the jobs, newest first."""

    jobs: list[Job]
    total: int
    skip: int
    take: int
    next_cursor: str | None = Field(None, description="Where the next page starts, if there is.")


class JobEvent(Camel):
    """A step of a job's story."""

    version: int
    type: str
    occurred_at: dt.datetime
    body: dict[str, Any]


class JobHistory(Camel):
    """A job's story, oldest first."""

    id: str
    events: list[JobEvent]


class JobStats(Camel):
    """Jobs in figures."""

    total: int
    by_status: dict[Status, int]
    queue_depth: dict[Priority, int] = Field(description="Queued jobs by priority.")
    success_rate: float | None = Field(description="Completed of all that ended but cancelled.")
    avg_generation_time_ms: float | None


class CancelRequest(Camel):
    """Why a job is called off."""

    reason: str = Field("cancelled by its user", min_length=1, max_length=500)
