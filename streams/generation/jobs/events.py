"""What happens to a job: the records of `generation.events.v1` without their envelope.

The envelope (event_id, occurred_at, job_id, version) is the store's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class JobQueued:
    """The request was accepted and stands in its queue.

    Attributes:
        request_record: the request in `generation.requests.v1`, as `topic/partition/offset`; None
            of a job that was not asked for there.
    """

    user_id: str
    prompt: str
    width: int
    height: int
    num_steps: int
    quality: Literal["low", "medium", "high"]
    seed: int | None
    duration_s: float
    priority: Literal["high", "default", "low"]
    max_retries: int
    provider: str | None
    source_video_id: str | None
    requested_by: Literal["api", "policy", "producer"]
    metadata: str | None
    webhook_url: str | None = None
    request_record: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderChosen:
    """Which provider the next attempt goes to, and why that one."""

    provider: str
    model: str
    cost_usd: float
    reason: str


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A worker took the job; recorded before the provider is called."""

    attempt: int
    provider_used: str
    model: str
    fencing_token: str
    worker: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """A remote provider took the running attempt, under a name of its own."""

    attempt: int
    provider_job_id: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """The running attempt has come this far (0 to 100)."""

    attempt: int
    percent: float
    step: str


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt ended without a video.

    Attributes:
        left: whether its work may go on at its provider; the next attempt there waits for it.
    """

    attempt: int
    error: str
    retryable: bool
    left: bool = False


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """Attempt number `attempt` will be made, not before `retry_at`."""

    attempt: int
    retry_at: dt.datetime
    delay_s: float


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The provider asked to come later: queued again, and no retry is used up.

    Attributes:
        left: as of `AttemptFailed`.
    """

    attempt: int
    retry_at: dt.datetime
    delay_s: float
    reason: str
    left: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """The video is there."""

    attempt: int
    artifact: str
    thumbnail: str
    bytes: int
    sha256: str
    video_seconds: float
    processing_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """No attempt is left, or none would help."""

    error: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job was called off."""

    reason: str


@dataclass(frozen=True, slots=True)
class ArtifactsExpired:
    """The files of a completed job were kept for their time, and are removed."""

    kept_days: float


JobEvent: TypeAlias = (
    JobQueued
    | ProviderChosen
    | AttemptStarted
    | Submitted
    | Progressed
    | AttemptFailed
    | RetryScheduled
    | Snoozed
    | Completed
    | Failed
    | Cancelled
    | ArtifactsExpired
)
