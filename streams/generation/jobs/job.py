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
from streams.generation.jobs.events import (
    ArtifactsExpired,
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
from streams.generation.jobs.job_commands import (
    Cancel,
    Complete,
    ExpireArtifacts,
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
SNOOZE_BASE = 10.0  # seconds that an attempt is put off the first time, if its provider names none
SNOOZE_CAP = 600.0  # seconds that it is put off by ourselves, at most
SNOOZE_MOST = 24 * 3600.0  # seconds that a job may be put off altogether; then it has failed


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
class RemoteWork:
    """Work that goes on at a provider.

    Attributes:
        name: the provider's own name of it.
    """

    provider: str
    name: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job's state.

    Attributes:
        request: what was asked for; None before it was.
        attempt: number of the latest attempt; 0 before the first.
        failures: attempts that failed; one that was put off is none.
        choice: the provider of the next attempt, or of the running one; None: not chosen yet.
        snoozes: how often attempts were put off.
        snoozed_s: seconds that they were put off by, altogether.
        provider_used: the provider of the latest attempt.
        provider_job_id: the provider's name of the running attempt, once it has given one.
        left: what an attempt that was given up has left at its provider, to be waited for.
        token: fencing token of the running attempt; None while none runs.
        percent: how far the running attempt said it is.
        retry_at: not before then may the next attempt start, if one is scheduled.
        error: of the latest failed attempt.
        result: the end of a completed job.
        expired: whether the files of a completed job were removed.
    """

    status: Status = Status.NEW
    request: JobQueued | None = None
    attempt: int = 0
    failures: int = 0
    choice: ProviderChosen | None = None
    snoozes: int = 0
    snoozed_s: float = 0.0
    provider_used: str | None = None
    provider_job_id: str | None = None
    left: RemoteWork | None = None
    token: str | None = None
    percent: float = 0.0
    retry_at: dt.datetime | None = None
    error: str | None = None
    result: Completed | None = None
    expired: bool = False

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
        ArtifactsExpired,
    )
    initial: ClassVar[Job] = Job()

    def decide(self, state: Job, command: JobCommand) -> list[JobEvent]:
        """What follows from the command.

        Raises:
            Refused: with the codes `exists`, `unknown`, `ended`, `not_queued`, `not_running`,
                `stale_attempt`, `not_completed`.
        """
        if isinstance(command, Queue):
            if state.status is not Status.NEW:
                raise Refused("exists", f"the job was queued before and is {state.status}")
            return _queued(command)
        if state.status is Status.NEW:
            raise Refused("unknown", "there is no such job")
        if isinstance(command, ExpireArtifacts):
            return self._expire(state, command)
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
                if not percent > state.percent:  # nor is what is no number
                    return []
                return [Progressed(state.attempt, percent, command.step)]
            case Complete():
                self._hold_token(state, command.token)
                return [_completed(state.attempt, command)]
            case FailAttempt():
                return self._fail(state, command)
            case Snooze():
                return self._snooze(state, command)
            case LoseAttempt():
                if state.status is not Status.PROCESSING or state.attempt != command.attempt:
                    raise Refused("stale_attempt", f"attempt {command.attempt} runs no more")
                left = _leaves(state, command)
                failed = AttemptFailed(state.attempt, command.error, retryable=True, left=left)
                return self._failed(state, command.at, failed, delay=0.0)
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
                    provider_used=event.provider_used,
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
                return replace(
                    state,
                    token=None,
                    failures=state.failures + 1,
                    left=_remote(state) if event.left else None,
                    error=event.error,
                )
            case Snoozed():
                return replace(
                    state,
                    status=Status.QUEUED,
                    token=None,
                    snoozes=state.snoozes + 1,
                    snoozed_s=state.snoozed_s + event.delay_s,
                    left=_remote(state) if event.left else None,
                    retry_at=event.retry_at,
                )
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
            case ArtifactsExpired():
                return replace(state, expired=True)

    def _expire(self, state: Job, command: ExpireArtifacts) -> list[JobEvent]:
        if state.status is not Status.COMPLETED:
            raise Refused("not_completed", f"the job is {state.status}: it has no files to expire")
        return [] if state.expired else [ArtifactsExpired(command.kept_days)]

    def _start(self, state: Job, command: StartAttempt) -> list[JobEvent]:
        self._hold_queued(state)
        if command.number not in (None, state.attempt + 1):
            raise Refused("stale_attempt", f"attempt {command.number} was made already")
        started = AttemptStarted(
            attempt=state.attempt + 1,
            provider_used=command.provider,
            model=command.model,
            fencing_token=command.token,
            worker=command.worker,
        )
        events: list[JobEvent] = [] if command.choice is None else [command.choice]
        events.append(started)
        if state.left is not None and state.left.provider == command.provider:
            events.append(Submitted(started.attempt, state.left.name))
        return events

    def _fail(self, state: Job, command: FailAttempt) -> list[JobEvent]:
        if command.token is None:
            self._hold_queued(state)
            return [Failed(command.error)]
        self._hold_token(state, command.token)
        # An attempt that was put off does not lengthen the waits of those that fail.
        delay = retry_delay(state.failures + 1, command.seed)
        delay = max(delay, min(command.retry_after or 0.0, RETRY_AFTER_CAP))
        left = _leaves(state, command)
        failed = AttemptFailed(state.attempt, command.error, command.retryable, left)
        return self._failed(state, command.at, failed, delay)

    def _snooze(self, state: Job, command: Snooze) -> list[JobEvent]:
        if command.token is None:
            self._hold_queued(state)
        else:
            self._hold_token(state, command.token)
        delay = min(max(command.delay, 0.0), RETRY_AFTER_CAP)
        if state.snoozed_s + delay <= SNOOZE_MOST:
            retry_at = command.at + dt.timedelta(seconds=delay)
            left = _leaves(state, command)
            return [Snoozed(state.attempt, retry_at, delay, command.reason, left)]
        error = f"put off {state.snoozes} times and still no room: {command.reason}"
        if command.token is None:
            return [Failed(error)]
        return [AttemptFailed(state.attempt, error, retryable=False), Failed(error)]

    def _hold_queued(self, state: Job) -> None:
        if state.status is not Status.QUEUED:
            raise Refused("not_queued", f"the job is {state.status}: attempt {state.attempt} runs")

    def _hold_token(self, state: Job, token: str) -> None:
        if state.status is not Status.PROCESSING:
            raise Refused("not_running", f"the job is {state.status}: no attempt runs")
        if state.token != token:
            raise Refused("stale_attempt", "the attempt was given up; another one has begun")

    def _failed(
        self, state: Job, at: dt.datetime, failed: AttemptFailed, delay: float
    ) -> list[JobEvent]:
        if not failed.retryable:
            return [failed, Failed(failed.error)]
        if state.failures >= state.asked.max_retries:
            return [failed, Failed(f"attempt {state.attempt} was the last: {failed.error}")]
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


def snooze_delay(snoozes: int, seed: int) -> float:
    """Seconds to put an attempt off that no provider has room for: longer each time.

    Uniform between half of and the whole of 10 s x 2^snoozes, ten minutes at most. Never near 0,
    for nothing but these waits bounds how often it is tried.
    """
    ceiling = min(SNOOZE_CAP, SNOOZE_BASE * 2.0 ** min(snoozes, 16))
    return round(random.Random(seed).uniform(ceiling / 2, ceiling), 3)


def seed_of(job_id: str, request: JobQueued) -> int:
    """The seed that the video is made from: the one asked for, or one made from the job's id."""
    if request.seed is not None:
        return request.seed
    return random.Random(job_id).getrandbits(32)


def _leaves(state: Job, command: FailAttempt | LoseAttempt | Snooze) -> bool:
    """Whether there is work that may go on elsewhere."""
    if state.token is None:
        return state.left is not None
    return command.left and state.provider_job_id is not None


def _remote(state: Job) -> RemoteWork | None:
    """What is left at a provider when the attempt that runs ends, or while none runs."""
    if state.token is None or state.provider_job_id is None or state.provider_used is None:
        return state.left
    return RemoteWork(state.provider_used, state.provider_job_id)


def asked_again(job_id: str, request: JobQueued, choice: ProviderChosen | None) -> JobQueued:
    """The request for the same video once more: its seed, and its provider where that keeps none.

    Args:
        job_id: of the job that made no video.
        choice: who was to make it.
    """
    provider = request.provider or (choice.provider if choice is not None else None)
    return replace(request, seed=seed_of(job_id, request), provider=provider)


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
