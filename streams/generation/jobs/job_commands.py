"""What can be wished of a job. Each wish carries its time, and chance where it needs some."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from streams.generation.jobs.events import JobQueued, ProviderChosen


@dataclass(frozen=True, slots=True)
class Queue:
    """Take a valid request into the queue.

    Attributes:
        choice: the provider of its first attempt; None: its worker chooses.
        refusal: why it can never be made (a used-up quota, no provider that could); the job then
            fails as soon as it is queued, so that whoever asked finds out.
    """

    at: dt.datetime
    request: JobQueued
    choice: ProviderChosen | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """A worker takes the job. The token is new and nobody else's.

    Attributes:
        choice: the provider, if it is not the one that was chosen before.
        number: which attempt the worker was asked for; None: whichever is next.
    """

    at: dt.datetime
    provider: str
    model: str
    token: str
    worker: str
    choice: ProviderChosen | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ReportSubmitted:
    """The provider took the attempt with that token, under a name of its own."""

    at: dt.datetime
    token: str
    provider_job_id: str


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """The attempt with that token has come that far."""

    at: dt.datetime
    token: str
    percent: float
    step: str


@dataclass(frozen=True, slots=True)
class Complete:
    """The attempt with that token has made the video."""

    at: dt.datetime
    token: str
    artifact: str
    thumbnail: str
    bytes: int
    sha256: str
    video_seconds: float
    processing_s: float


@dataclass(frozen=True, slots=True)
class FailAttempt:
    """The attempt with that token made none.

    Attributes:
        token: None where none runs, for no provider can ever make it: that is the end.
        retryable: whether another attempt may help.
        seed: chance for the delay before it.
        retry_after: seconds that the provider asked to wait at least, if it did.
        left: whether the work may go on at its provider; the next attempt there waits for it.
    """

    at: dt.datetime
    token: str | None
    error: str
    retryable: bool
    seed: int
    retry_after: float | None = None
    left: bool = False


@dataclass(frozen=True, slots=True)
class Snooze:
    """The provider has no room for the attempt with that token now.

    Attributes:
        token: None where none runs, for no provider has room.
        delay: seconds until the next attempt may start.
        left: as of `FailAttempt`.
    """

    at: dt.datetime
    token: str | None
    delay: float
    reason: str
    left: bool = False


@dataclass(frozen=True, slots=True)
class LoseAttempt:
    """The worker of that attempt is gone; the next may start at once, for nothing is overloaded.

    Attributes:
        left: as of `FailAttempt`.
    """

    at: dt.datetime
    attempt: int
    error: str
    left: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Call the job off."""

    at: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ExpireArtifacts:
    """Give up the files of a completed job."""

    at: dt.datetime
    kept_days: float


JobCommand: TypeAlias = (
    Queue
    | StartAttempt
    | ReportSubmitted
    | ReportProgress
    | Complete
    | FailAttempt
    | Snooze
    | LoseAttempt
    | Cancel
    | ExpireArtifacts
)
