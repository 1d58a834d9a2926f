"""What a provider tells while it works, written into the job's story where that is worth it."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Awaitable, Callable
from time import monotonic

import psycopg
import structlog

from streams.decisions.decider import Refused
from streams.generation.jobs.job_commands import JobCommand, ReportProgress, ReportSubmitted
from streams.generation.providers.provider import GivenUp, ProviderError
from streams.generation.work.faults import text

PROGRESS_SECONDS = 0.5  # between two progress events, at least
PROGRESS_PERCENT = 10.0  # between two progress events, at least
NAME_MAX = 200  # characters of a provider's name of its work
_STEP_MAX = 100  # characters of a step's name

Decide = Callable[[JobCommand], Awaitable[None]]

log = structlog.get_logger()


class StoryTelling:
    """A [`Telling`][streams.generation.providers.provider.Telling] of one attempt.

    Args:
        decide: decides a command of the job; raises `Refused`.

    Attributes:
        refused: why the attempt has to stop, once that is known.
    """

    def __init__(self, token: str, decide: Decide) -> None:
        self.refused: Refused | None = None
        self._token = token
        self._decide = decide
        self._work: asyncio.Task[object] | None = None
        self._percent = 0.0
        self._at = monotonic()
        self._over = False

    def begin(self) -> None:
        """The running task is the provider's work."""
        self._work = asyncio.current_task()

    def end(self) -> None:
        """Whatever the provider still says is not heard."""
        self._over = True

    async def submitted(self, provider_job_id: str) -> None:
        """Tell the provider's name of the work.

        Raises:
            GivenUp: somebody else may wait for that work now.
            ProviderError: that is no name.
            asyncio.CancelledError: the job was called off.
        """
        said: object = provider_job_id
        if not isinstance(said, str) or not 0 < len(said) <= NAME_MAX or not said.isprintable():
            raise ProviderError("the provider gave its work no usable name", retryable=True)
        await self._tell(ReportSubmitted(_now(), self._token, provider_job_id))

    async def progress(self, percent: float, step: str) -> None:
        """Tell how far the work is: not too often, and never backwards.

        Raises:
            GivenUp: somebody else may wait for that work now.
            asyncio.CancelledError: the job was called off.
        """
        now = monotonic()
        if not math.isfinite(percent) or percent - self._percent < PROGRESS_PERCENT:
            return
        if now - self._at < PROGRESS_SECONDS:
            return
        self._percent, self._at = percent, now
        try:
            await self._tell(ReportProgress(_now(), self._token, percent, text(step, _STEP_MAX)))
        except psycopg.Error as error:
            # An hour's work is not given up because nobody can see how far it is.
            log.warning("progress was not told", error=type(error).__name__)

    async def _tell(self, command: JobCommand) -> None:
        if self._over:
            raise GivenUp("the attempt is over")
        try:
            await self._decide(command)
        except Refused as refused:
            self.refused = refused
            # Only who is cancelled stops its work elsewhere. Of a job that was called off that is
            # wanted; of an attempt that was given up it is not: the next one may wait for it.
            if refused.code == "ended" and self._work is not None:
                self._work.cancel()
                await asyncio.sleep(0)
            raise GivenUp(refused.reason) from None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
