"""One attempt at a job: begun, made, stored, told; or failed, or put off, and told why.

Every step that others must know of is decided and committed before the next one is taken, so that
whatever kills the worker, the story says how far it came.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Self

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from streams.artifacts import ArtifactError, Artifacts
from streams.decisions.decider import Refused
from streams.decisions.execution import Decision
from streams.generation.health.state import Outcome
from streams.generation.jobs import commands
from streams.generation.jobs.events import JobEvent, ProviderChosen
from streams.generation.jobs.job import Job, Status, seed_of, snooze_delay
from streams.generation.jobs.job_commands import (
    Complete,
    FailAttempt,
    JobCommand,
    LoseAttempt,
    Snooze,
    StartAttempt,
)
from streams.generation.providers.provider import Order, Provider, ProviderError, Rendering
from streams.generation.routing.preferred import Preferred, Router, chosen_from
from streams.generation.work.faults import Fault, fault_of
from streams.generation.work.supervision import Limits, supervised
from streams.generation.work.telling import StoryTelling
from streams.generation.work.watchdog import Deadline, Watchdog

Inspect = Callable[[Rendering], Awaitable[None]]

log = structlog.get_logger()


class _Story:
    """A job's story as this worker knows it: what was seen last is not read again for a step."""

    def __init__(
        self, pool: AsyncConnectionPool, job_id: str, seen: Decision[Job, JobEvent]
    ) -> None:
        self._pool = pool
        self._job_id = job_id
        self._seen = seen

    @classmethod
    async def of(cls, pool: AsyncConnectionPool, job_id: str) -> Self:
        """The story as it is now."""
        async with pool.connection() as conn:
            return cls(pool, job_id, await commands.look(conn, job_id))

    @property
    def job(self) -> Job:
        """The job as it was last seen."""
        return self._seen.state

    async def decide(self, command: JobCommand) -> None:
        """Decide a command.

        Raises:
            Refused: the job was called off, or the attempt given up.
        """
        async with self._pool.connection() as conn:
            self._seen = await commands.decide(conn, self._job_id, command, known=self._seen)

    async def tell(self, command: JobCommand) -> None:
        """Decide a command whose refusal changes nothing any more."""
        try:
            await self.decide(command)
        except Refused as refused:
            log.info("attempt superseded", job_id=self._job_id, reason=refused.reason)


@dataclass(slots=True)
class _Begun:
    """An attempt that is in the story as started.

    Attributes:
        at: when it began, on the monotonic clock.
    """

    job_id: str
    number: int
    token: str
    story: _Story
    choice: ProviderChosen
    at: float

    @property
    def job(self) -> Job:
        """The job as it was last seen."""
        return self.story.job


class Attempts:
    """Makes attempts, several at once if asked to.

    Args:
        providers: by name, in order of preference.
        worker: names this worker in the events.
        router: chooses among the providers; unset: what was chosen before, else the first.
        watchdog: kills this process where an attempt outlives its hard limit.
        inspect: looks at what a provider returned, and raises ProviderError if it is no video.
        scratch: where attempts have their folders; unset: where the system has such.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool,
        providers: Mapping[str, Provider],
        artifacts: Artifacts,
        *,
        worker: str,
        watchdog: Watchdog,
        router: Router | None = None,
        limits: Limits | None = None,
        inspect: Inspect | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._pool = pool
        self._providers = providers
        self._artifacts = artifacts
        self._worker = worker
        self._watchdog = watchdog
        self._router = router or Preferred(providers)
        self._limits = limits or Limits()
        self._inspect = inspect
        self._scratch = scratch

    async def make(
        self, job_id: str, number: int, handing_on: Callable[[], bool] = lambda: False
    ) -> None:
        """Make attempt `number` of a job, if it is still wanted.

        Called again for an attempt that runs already, it declares that one lost: the queue gives
        an entry out again only when its worker has gone silent.

        Args:
            handing_on: asked when this is cancelled: whether the worker is told to stop, so that
                another one goes on with the job.

        Raises:
            psycopg.Error: the story could not be written; call again later.
            asyncio.CancelledError: the job was called off, or the worker is told to stop.
        """
        begun = await self._begin(job_id, number)
        if begun is None:
            return
        try:
            with self._watchdog.deadline(self._limits.hard) as deadline:
                complete = await self._carry_out(begun, deadline, handing_on)
                await _to_its_end(self._complete(begun, complete))
        except asyncio.CancelledError:
            # Called off: the story has ended and this is refused. Told to stop: somebody else
            # may start over at once. More cancels may come.
            left = handing_on()
            lost = LoseAttempt(_now(), number, "the worker was told to stop", left)
            await _to_its_end(begun.story.tell(lost))
            if left:
                return  # the next attempt is queued, and waits for this one's entry to end
            raise
        except Refused as refused:
            log.info("attempt given up", job_id=job_id, attempt=number, reason=refused.reason)
        except psycopg.Error:
            raise
        except Exception as error:  # whatever a provider's program may raise
            await self._fail(begun, fault_of(error, begun.choice.provider), error)

    async def _begin(self, job_id: str, number: int) -> _Begun | None:
        story = await _Story.of(self._pool, job_id)
        job = story.job
        if job.status is Status.PROCESSING and job.attempt == number:
            log.warning("attempt lost", job_id=job_id, attempt=number)
            await story.tell(LoseAttempt(_now(), number, "the worker was lost", left=True))
            return None
        if job.status is not Status.QUEUED or job.attempt + 1 != number:
            log.info("attempt not wanted", job_id=job_id, attempt=number, status=job.status)
            return None
        try:
            choice = await self._pick(job)
        except ProviderError as error:
            await story.tell(_without_video(job, fault_of(error, "no provider"), None))
            return None
        token = secrets.token_hex(16)
        news = None if choice == job.choice else choice
        start = StartAttempt(
            _now(), choice.provider, choice.model, token, self._worker, news, number=number
        )
        try:
            await story.decide(start)
        except Refused as refused:
            log.info("attempt not wanted", job_id=job_id, reason=refused.reason)
            return None
        log.info("attempt started", job_id=job_id, attempt=number, provider=choice.provider)
        return _Begun(job_id, number, token, story, choice, monotonic())

    async def _pick(self, job: Job) -> ProviderChosen:
        """The provider of the next attempt: before all, one that works on it already.

        Raises:
            ProviderError: none can be had now.
        """
        left = self._providers.get(job.left.provider) if job.left is not None else None
        if left is not None:
            if job.choice is not None and job.choice.provider == left.name:
                return job.choice
            return chosen_from(left, job, "works on it already")
        choice = await self._router.pick(job)
        if choice.provider not in self._providers:
            message = f"{choice.provider} is not configured here"
            raise ProviderError(message, retryable=True, kind="busy")
        return choice

    async def _carry_out(
        self, begun: _Begun, deadline: Deadline, handing_on: Callable[[], bool]
    ) -> Complete:
        """Make the video and store it."""
        with tempfile.TemporaryDirectory(
            prefix="groundswell-", dir=self._scratch, ignore_cleanup_errors=True
        ) as name:
            rendering = await self._generate(begun, Path(name), deadline, handing_on)
            return await self._put(begun, rendering)

    async def _generate(
        self, begun: _Begun, folder: Path, deadline: Deadline, handing_on: Callable[[], bool]
    ) -> Rendering:
        async def decide(command: JobCommand) -> None:
            await begun.story.decide(command)

        telling = StoryTelling(begun.token, decide)
        work = self._work(begun, folder, telling)
        called = monotonic()
        try:
            rendering = await supervised(work, self._limits, deadline, handing_on)
        except (Refused, psycopg.Error):
            raise
        except Exception as error:
            if telling.refused is not None:  # whatever the provider made of it
                raise telling.refused from None
            await self._record_fault(begun, called, fault_of(error, begun.choice.provider))
            raise
        finally:
            telling.end()
        took, cost = monotonic() - called, begun.choice.cost_usd
        await self._router.record(begun.choice.provider, Outcome(True, None, took, cost, _now()))
        return rendering

    async def _work(self, begun: _Begun, folder: Path, telling: StoryTelling) -> Rendering:
        telling.begin()
        provider = self._providers[begun.choice.provider]
        rendering = await provider.generate(_order(begun), folder, telling)
        if not (math.isfinite(rendering.seconds) and rendering.seconds > 0):
            raise ProviderError(f"a video of {rendering.seconds} s is none", retryable=True)
        if self._inspect is not None:
            await self._inspect(rendering)
        return rendering

    async def _record_fault(self, begun: _Begun, called: float, fault: Fault) -> None:
        if fault.kind is None:  # not the provider's
            return
        refused = fault.kind == "failed" and not fault.retryable
        outcome = Outcome(
            ok=False,
            kind="refused" if refused else fault.kind,
            seconds=monotonic() - called,
            cost_usd=0.0,
            at=_now(),
            reason=fault.message,
            retry_after=fault.retry_after,
        )
        await self._router.record(begun.choice.provider, outcome)

    async def _put(self, begun: _Begun, rendering: Rendering) -> Complete:
        # The token is in the name: an attempt that was given up can overwrite nothing.
        name = f"videos/{begun.job_id}/{begun.number}-{begun.token[:8]}"
        try:
            thumbnail = await self._artifacts.put_file(rendering.thumbnail, f"{name}.jpg")
            video = await self._artifacts.put_file(rendering.video, f"{name}.mp4")
        except BaseException:
            await _to_its_end(self._remove(f"{name}.jpg", f"{name}.mp4"))
            raise
        return Complete(
            at=_now(),
            token=begun.token,
            artifact=video.name,
            thumbnail=thumbnail.name,
            bytes=video.bytes,
            sha256=video.sha256,
            video_seconds=float(rendering.seconds),
            processing_s=monotonic() - begun.at,
        )

    async def _complete(self, begun: _Begun, complete: Complete) -> None:
        try:
            await begun.story.decide(complete)
        except Refused:
            # Nobody will ask for these: another attempt has names of its own.
            await self._remove(complete.artifact, complete.thumbnail)
            raise
        log.info(
            "attempt completed",
            job_id=begun.job_id,
            attempt=begun.number,
            seconds=round(complete.processing_s, 2),
        )

    async def _remove(self, *names: str) -> None:
        for name in names:
            try:
                await self._artifacts.delete(name)
            except ArtifactError as error:
                log.warning("artifact stays", name=name, error=str(error))

    async def _fail(self, begun: _Begun, fault: Fault, error: Exception) -> None:
        log.warning(
            "attempt failed",
            job_id=begun.job_id,
            attempt=begun.number,
            reason=fault.message,
            exc_info=None if fault.expected else error,
        )
        await begun.story.tell(_without_video(begun.job, fault, begun.token))


async def _to_its_end(step: Coroutine[Any, Any, None]) -> None:
    """Take a step whole, also when cancelled: half of it would be nobody's."""
    task = asyncio.ensure_future(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("step failed", reason=repr(error))
        raise


def _without_video(job: Job, fault: Fault, token: str | None) -> FailAttempt | Snooze:
    """What becomes of an attempt that made none.

    Args:
        token: of the attempt; None where none was begun, which uses up no retry either.
    """
    seed = secrets.randbits(32)
    if fault.kind == "busy" or (token is None and fault.retryable):
        # When the provider says or as we have it, whichever is later.
        delay = max(fault.retry_after or 0.0, snooze_delay(job.snoozes, seed))
        return Snooze(_now(), token, delay, fault.message, fault.left)
    return FailAttempt(
        at=_now(),
        token=token,
        error=fault.message,
        retryable=fault.retryable,
        seed=seed,
        retry_after=fault.retry_after,
        left=fault.left,
    )


def _order(begun: _Begun) -> Order:
    asked = begun.job.asked
    return Order(
        key=f"{begun.job_id}:{begun.number}",
        prompt=asked.prompt,
        width=asked.width,
        height=asked.height,
        steps=asked.num_steps,
        quality=asked.quality,
        seed=seed_of(begun.job_id, asked),
        seconds=asked.duration_s,
        submitted=begun.job.provider_job_id,
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
