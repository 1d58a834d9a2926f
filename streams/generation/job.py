"""The life of a generation job: what may follow what.

    new         -> queued
    queued      -> processing, cancelled
    queued      -> failed, at once, where the request can never be made
    processing  -> completed, failed, cancelled, or queued again for another attempt

Every function here is pure: times and chance come with the command.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from streams.decisions.decider import Refused
from streams.generation.events import (
    AttemptFailed,
    AttemptStarted,
    Cancelled,
    Completed,
    Failed,
    JobEvent,
    JobQueued,
    Progressed,
    ProviderChosen,
    RetryScheduled,
    Snoozed,
    Submitted,
)
from streams.generation.job_commands import (
    Cancel,
    Complete,
    FailAttempt,
    JobCommand,
    LoseAttempt,
    Queue,
    ReportProgress,
    ReportSubmitted,
    Snooze,
    StartAttempt,
)

RETRY_BASE = 60.0  # seconds before the second attempt, at most
RETRY_CAP = 3600.0  # seconds before any attempt, at most, unless its provider asks for more
RETRY_AFTER_CAP = 24 * 3600.0  # seconds that a provider may ask for; more is taken for an error


class Status(StrEnum):
    """Where a job is; `NEW` is one that nobody has heard of."""

    NEW = "new"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing can follow any more."""
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Job:
    """A job's state.

    Attributes:
        request: what was asked for; None before it was.
        attempt: number of the latest attempt; 0 before the first.
        failures: attempts that failed; one that was put off is none.
        choice: the provider of the next attempt, or of the running one; None: not chosen yet.
        provider_job_id: the provider's name of the running attempt, once it has given one.
        token: fencing token of the running attempt; None while none runs.
        percent: how far the running attempt said it is.
        retry_at: not before then may the next attempt start, if one is scheduled.
        error: of the latest failed attempt.
        result: the end of a completed job.
    """

    status: Status = Status.NEW
    request: JobQueued | None = None
    attempt: int = 0
    failures: int = 0
    choice: ProviderChosen | None = None
    provider_job_id: str | None = None
    token: str | None = None
    percent: float = 0.0
    retry_at: dt.datetime | None = None
    error: str | None = None
    result: Completed | None = None

    @property
    def asked(self) -> JobQueued:
        """The request of a job that exists."""
        if self.request is None:
            raise LookupError("the job was never queued")
        return self.request


class JobDecider:
    """The rules; see [`Decider`][streams.decisions.decider.Decider]."""

    domain: ClassVar[str] = "generation"
    events: ClassVar[tuple[type[JobEvent], ...]] = (
        JobQueued,
        ProviderChosen,
        AttemptStarted,
        Submitted,
        Progressed,
        AttemptFailed,
        RetryScheduled,
        Snoozed,
        Completed,
        Failed,
        Cancelled,
    )
    initial: ClassVar[Job] = Job()

    def decide(self, state: Job, command: JobCommand) -> list[JobEvent]:
        """What follows from the command.

        Raises:
            Refused: with the codes `exists`, `unknown`, `ended`, `not_queued`, `not_running`,
                `stale_attempt`.
        """
        if isinstance(command, Queue):
            if state.status is not Status.NEW:
                raise Refused("exists", f"the job was queued before and is {state.status}")
            return _queued(command)
        if state.status is Status.NEW:
            raise Refused("unknown", "there is no such job")
        if state.status.ended:
            raise Refused("ended", f"the job is {state.status} already")
        match command:
            case StartAttempt():
                return self._start(state, command)
            case ReportSubmitted():
                self._hold_token(state, command.token)
                if command.provider_job_id == state.provider_job_id:
                    return []
                return [Submitted(state.attempt, command.provider_job_id)]
            case ReportProgress():
                self._hold_token(state, command.token)
                percent = min(max(command.percent, 0.0), 100.0)
                if percent <= state.percent:
                    return []
                return [Progressed(state.attempt, percent, command.step)]
            case Complete():
                self._hold_token(state, command.token)
                return [_completed(state.attempt, command)]
            case FailAttempt():
                self._hold_token(state, command.token)
                # An attempt that was put off does not lengthen the waits of those that fail.
                delay = retry_delay(state.failures + 1, command.seed)
                delay = max(delay, min(command.retry_after or 0.0, RETRY_AFTER_CAP))
                return self._failed(state, command.at, command.error, command.retryable, delay)
            case Snooze():
                self._hold_token(state, command.token)
                delay = min(max(command.delay, 0.0), RETRY_AFTER_CAP)
                retry_at = command.at + dt.timedelta(seconds=delay)
                return [Snoozed(state.attempt, retry_at, delay, command.reason)]
            case LoseAttempt():
                if state.status is not Status.PROCESSING or state.attempt != command.attempt:
                    raise Refused("stale_attempt", f"attempt {command.attempt} runs no more")
                return self._failed(state, command.at, command.error, retryable=True, delay=0.0)
            case Cancel():
                return [Cancelled(command.reason)]

    def evolve(self, state: Job, event: JobEvent) -> Job:
        """The state after the event."""
        match event:
            case JobQueued():
                return Job(Status.QUEUED, request=event)
            case AttemptStarted():
                return replace(
                    state,
                    status=Status.PROCESSING,
                    attempt=event.attempt,
                    token=event.fencing_token,
                    provider_job_id=None,
                    percent=0.0,
                    retry_at=None,
                )
            case ProviderChosen():
                return replace(state, choice=event)
            case Submitted():
                return replace(state, provider_job_id=event.provider_job_id)
            case Progressed():
                return replace(state, percent=event.percent)
            case AttemptFailed():
                return replace(state, token=None, failures=state.failures + 1, error=event.error)
            case Snoozed():
                return replace(state, status=Status.QUEUED, token=None, retry_at=event.retry_at)
            case RetryScheduled():
                return replace(state, status=Status.QUEUED, retry_at=event.retry_at)
            case Completed():
                return replace(
                    state, status=Status.COMPLETED, token=None, percent=100.0, result=event
                )
            case Failed():
                return replace(state, status=Status.FAILED, token=None, error=event.error)
            case Cancelled():
                return replace(state, status=Status.CANCELLED, token=None, retry_at=None)

    def _start(self, state: Job, command: StartAttempt) -> list[JobEvent]:
        if state.status is not Status.QUEUED:
            raise Refused("not_queued", f"the job is {state.status}: attempt {state.attempt} runs")
        if command.number not in (None, state.attempt + 1):
            raise Refused("stale_attempt", f"attempt {command.number} was made already")
        started = AttemptStarted(
            attempt=state.attempt + 1,
            provider_used=command.provider,
            model=command.model,
            fencing_token=command.token,
            worker=command.worker,
        )
        return [started] if command.choice is None else [command.choice, started]

    def _hold_token(self, state: Job, token: str) -> None:
        if state.status is not Status.PROCESSING:
            raise Refused("not_running", f"the job is {state.status}: no attempt runs")
        if state.token != token:
            raise Refused("stale_attempt", "the attempt was given up; another one has begun")

    def _failed(
        self, state: Job, at: dt.datetime, error: str, retryable: bool, delay: float
    ) -> list[JobEvent]:
        failed = AttemptFailed(state.attempt, error, retryable)
        if not retryable:
            return [failed, Failed(error)]
        if state.failures >= state.asked.max_retries:
            return [failed, Failed(f"attempt {state.attempt} was the last: {error}")]
        retry_at = at + dt.timedelta(seconds=delay)
        return [failed, RetryScheduled(state.attempt + 1, retry_at, delay)]


JOBS = JobDecider()


def retry_delay(attempt: int, seed: int) -> float:
    """Seconds to wait after a failed attempt: exponential with full jitter.

    Uniform between 0 and 60 s x 2^(attempt - 1), at most an hour. Jitter over the full range
    spreads the retries of jobs that failed together.
    """
    ceiling = min(RETRY_CAP, RETRY_BASE * 2.0 ** min(attempt - 1, 16))
    return round(random.Random(seed).uniform(0.0, ceiling), 3)


def seed_of(job_id: str, request: JobQueued) -> int:
    """The seed that the video is made from: the one asked for, or one made from the job's id."""
    if request.seed is not None:
        return request.seed
    return random.Random(job_id).getrandbits(32)


def _queued(command: Queue) -> list[JobEvent]:
    events: list[JobEvent] = [command.request]
    if command.choice is not None:
        events.append(command.choice)
    if command.refusal is not None:
        events.append(Failed(command.refusal))
    return events


def _completed(attempt: int, command: Complete) -> Completed:
    return Completed(
        attempt=attempt,
        artifact=command.artifact,
        thumbnail=command.thumbnail,
        bytes=command.bytes,
        sha256=command.sha256,
        video_seconds=command.video_seconds,
        processing_s=command.processing_s,
    )
