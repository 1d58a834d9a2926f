"""A provider's work under supervision: its limits, its faults, and a wish to stop it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from streams.generation.providers.provider import HANDED_ON, ProviderError
from streams.generation.work.watchdog import Deadline

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an attempt may take, in seconds.

    Attributes:
        soft: then it is told to stop, and has failed.
        hard: then its process is killed. What is told to stop has the difference for it.
    """

    soft: float = 3600.0
    hard: float = 4000.0

    @property
    def to_stop(self) -> float:
        """Seconds for what is told to stop."""
        return max(self.hard - self.soft, 1.0)


async def supervised(
    work: Coroutine[Any, Any, T],
    limits: Limits,
    deadline: Deadline,
    handing_on: Callable[[], bool] = lambda: False,
) -> T:
    """Do the work within its soft limit; if it is to be stopped, see that it has stopped.

    A task of its own, for a wish to stop must be known here before the provider has dealt with it:
    from then on the deadline is near, and a provider that never does is ended by the watchdog.

    Args:
        handing_on: asked when this is cancelled: whether another worker will go on with it.

    Raises:
        ProviderError: it took too long, or has cancelled itself.
        asyncio.CancelledError: this was cancelled.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=limits.soft)
    except asyncio.CancelledError:
        deadline.within(limits.to_stop)
        await _stop(task, HANDED_ON if handing_on() else None)
        raise
    if not task.done():
        await _stop(task)
        raise ProviderError(f"took longer than {limits.soft:g} s", retryable=True)
    if task.cancelled():
        raise ProviderError("the provider gave up its own work", retryable=True)
    return task.result()


async def _stop(task: asyncio.Task[Any], message: str | None = None) -> None:
    task.cancel(message)
    while not task.done():
        # Somebody who wishes again that it be stopped has his wish.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("what was told to stop failed", error=repr(error))
