"""What can be wished of a job. Each wish carries its time, and chance where it needs some."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from streams.generation.events import JobQueued


@dataclass(frozen=True, slots=True)
class Queue:
    """Take a valid request into the queue."""

    at: dt.datetime
    request: JobQueued


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """A worker takes the job. The token is new and nobody else's."""

    at: dt.datetime
    provider: str
    model: str
    token: str
    worker: str


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
        retryable: whether another attempt may help.
        seed: chance for the delay before it.
    """

    at: dt.datetime
    token: str
    error: str
    retryable: bool
    seed: int


@dataclass(frozen=True, slots=True)
class LoseAttempt:
    """The worker of that attempt is gone; the next may start at once, for nothing is overloaded."""

    at: dt.datetime
    attempt: int
    error: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Call the job off."""

    at: dt.datetime
    reason: str


JobCommand: TypeAlias = (
    Queue | StartAttempt | ReportProgress | Complete | FailAttempt | LoseAttempt | Cancel
)
