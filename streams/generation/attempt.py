"""One attempt at a job: begun, made, stored, told; or failed, and told why.

Every step that others must know of is decided and committed before the next one is taken, so that
whatever kills the worker, the story says how far it came.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import structlog
from psycopg_pool import AsyncConnectionPool

from streams.artifacts import ArtifactError, Artifacts
from streams.decisions.decider import Refused
from streams.decisions.execution import Decision
from streams.generation import commands
from streams.generation.events import JobEvent
from streams.generation.job import Job, Status, seed_of
from streams.generation.job_commands import (
    Complete,
    FailAttempt,
    JobCommand,
    LoseAttempt,
    ReportProgress,
    ReportSubmitted,
    StartAttempt,
)
from streams.generation.providers.provider import Order, Provider, ProviderError, Rendering

SOFT_LIMIT = 3600.0  # seconds an attempt may take; then it has failed
PROGRESS_SECONDS = 0.5  # between two progress events, at least
PROGRESS_PERCENT = 10.0  # between two progress events, at least

log = structlog.get_logger()


@dataclass(slots=True)
class _Begun:
    """An attempt that is in the story as started.

    Attributes:
        seen: the job after the latest command of this attempt.
    """

    job_id: str
    number: int
    token: str
    seen: Decision[Job, JobEvent]

    @property
    def job(self) -> Job:
        """The job as it was last seen."""
        return self.seen.state


class Attempts:
    """Makes attempts, several at once if asked to.

    Args:
        worker: names this worker in the events.
        soft_limit: seconds that an attempt may take.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool,
        provider: Provider,
        artifacts: Artifacts,
        *,
        worker: str,
        soft_limit: float = SOFT_LIMIT,
    ) -> None:
        self._pool = pool
        self._provider = provider
        self._artifacts = artifacts
        self._worker = worker
        self._soft_limit = soft_limit

    async def make(self, job_id: str, number: int) -> None:
        """Make attempt `number` of a job, if it is still wanted.

        Called again for an attempt that runs already, it declares that one lost: the queue gives
        an entry out again only when its worker has gone silent.

        Raises:
            psycopg.Error: the story could not be written; call again later.
            asyncio.CancelledError: the job was called off, or the worker is told to stop.
        """
        begun = await self._begin(job_id, number)
        if begun is None:
            return
        try:
            await self._carry_out(begun)
        except asyncio.CancelledError:
            # Called off: the story has ended and this is refused. Told to stop: somebody else
            # may start over at once. Shielded, because more cancels may come.
            lost = LoseAttempt(_now(), number, "the worker was told to stop")
            await asyncio.shield(self._tell(begun, lost))
            raise
        except Refused as refused:
            log.info("attempt given up", job_id=job_id, attempt=number, reason=refused.reason)
        except (ProviderError, ArtifactError, OSError) as error:
            retryable = error.retryable if isinstance(error, ProviderError) else True
            await self._fail(begun, str(error) or type(error).__name__, retryable)

    async def _begin(self, job_id: str, number: int) -> _Begun | None:
        token = secrets.token_hex(16)
        start = StartAttempt(
            _now(), self._provider.name, self._provider.model, token, self._worker, number=number
        )
        async with self._pool.connection() as conn:
            seen = await commands.look(conn, job_id)
            job = seen.state
            if job.status is Status.PROCESSING and job.attempt == number:
                lost = LoseAttempt(_now(), number, "the worker was lost")
                await commands.decide(conn, job_id, lost, known=seen)
                log.warning("attempt lost", job_id=job_id, attempt=number)
                return None
            if job.status is not Status.QUEUED or job.attempt + 1 != number:
                log.info("attempt not wanted", job_id=job_id, attempt=number, status=job.status)
                return None
            try:
                seen = await commands.decide(conn, job_id, start, known=seen)
            except Refused as refused:
                log.info("attempt not wanted", job_id=job_id, reason=refused.reason)
                return None
        log.info("attempt started", job_id=job_id, attempt=number, worker=self._worker)
        return _Begun(job_id, number, token, seen)

    async def _carry_out(self, begun: _Begun) -> None:
        started = monotonic()
        with tempfile.TemporaryDirectory(prefix="groundswell-") as name:
            folder = Path(name)
            telling = _Telling(self, begun)
            try:
                async with asyncio.timeout(self._soft_limit):
                    rendering = await self._provider.generate(_order(begun), folder, telling)
            except TimeoutError:
                limit = f"took longer than {self._soft_limit:g} s"
                raise ProviderError(limit, retryable=True) from None
            complete = await self._put(begun, rendering, started)
        try:
            await self._tell_or_refuse(begun, complete)
        except Refused:
            # Nobody will ask for these: another attempt has names of its own.
            await self._artifacts.delete(complete.artifact)
            await self._artifacts.delete(complete.thumbnail)
            raise
        log.info(
            "attempt completed",
            job_id=begun.job_id,
            attempt=begun.number,
            seconds=round(complete.processing_s, 2),
        )

    async def _put(self, begun: _Begun, rendering: Rendering, started: float) -> Complete:
        # The token is in the name: an attempt that was given up can overwrite nothing.
        name = f"videos/{begun.job_id}/{begun.number}-{begun.token[:8]}"
        thumbnail = await self._artifacts.put_file(rendering.thumbnail, f"{name}.jpg")
        video = await self._artifacts.put_file(rendering.video, f"{name}.mp4")
        return Complete(
            at=_now(),
            token=begun.token,
            artifact=video.name,
            thumbnail=thumbnail.name,
            bytes=video.bytes,
            sha256=video.sha256,
            video_seconds=rendering.seconds,
            processing_s=monotonic() - started,
        )

    async def _fail(self, begun: _Begun, error: str, retryable: bool) -> None:
        log.warning("attempt failed", job_id=begun.job_id, attempt=begun.number, reason=error)
        failed = FailAttempt(_now(), begun.token, error, retryable, secrets.randbits(32))
        await self._tell(begun, failed)

    async def _tell(self, begun: _Begun, command: JobCommand) -> None:
        """Decide a command whose refusal changes nothing any more."""
        try:
            await self._tell_or_refuse(begun, command)
        except Refused as refused:
            log.info("attempt superseded", job_id=begun.job_id, reason=refused.reason)

    async def _tell_or_refuse(self, begun: _Begun, command: JobCommand) -> None:
        async with self._pool.connection() as conn:
            begun.seen = await commands.decide(conn, begun.job_id, command, known=begun.seen)

    async def tell_submitted(self, begun: _Begun, provider_job_id: str) -> None:
        """Tell the provider's name of the work.

        Raises:
            Refused: the job was called off, or the attempt given up: stop.
        """
        await self._tell_or_refuse(begun, ReportSubmitted(_now(), begun.token, provider_job_id))

    async def report(self, begun: _Begun, percent: float, step: str) -> None:
        """Tell how far the attempt is.

        Raises:
            Refused: the job was called off, or the attempt given up: stop.
        """
        report = ReportProgress(_now(), begun.token, percent, step)
        await self._tell_or_refuse(begun, report)


class _Telling:
    """Writes into the job's story what its provider tells; of progress what is worth an event."""

    def __init__(self, attempts: Attempts, begun: _Begun) -> None:
        self._attempts = attempts
        self._begun = begun
        self._percent = 0.0
        self._at = monotonic()

    async def submitted(self, provider_job_id: str) -> None:
        await self._attempts.tell_submitted(self._begun, provider_job_id)

    async def progress(self, percent: float, step: str) -> None:
        now = monotonic()
        if percent - self._percent < PROGRESS_PERCENT or now - self._at < PROGRESS_SECONDS:
            return
        self._percent, self._at = percent, now
        await self._attempts.report(self._begun, percent, step)


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
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
