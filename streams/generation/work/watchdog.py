"""The hard limit: a process that does not end what it must end is killed.

A thread watches, for the event loop may be what hangs. Killing the process loses nothing: the
queue's entries come back, their attempts are found lost, and the story says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from time import monotonic

import structlog

_BEATS = 4  # within the time that the event loop may stand still
_LOOK = 1.0  # seconds between two looks at the deadlines, at most

log = structlog.get_logger()


class Deadline:
    """When an attempt must be over, by the monotonic clock."""

    def __init__(self, at: float) -> None:
        self._at = at

    def within(self, seconds: float) -> None:
        """Bring it forward, if that is sooner."""
        self._at = min(self._at, monotonic() + seconds)

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return monotonic() > self._at


def kill() -> None:
    """End this process as `kill -9` does, with the stacks of its threads on stderr."""
    faulthandler.dump_traceback(all_threads=True)
    os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)  # the first process of a container hears no SIGKILL of its own


class Watchdog:
    """Kills the process when a deadline has passed, or its event loop stands still.

    Args:
        stall: seconds without a turn of the event loop after which it counts as hung.
        kill: what to do then.
    """

    def __init__(self, stall: float, kill: Callable[[], None] = kill) -> None:
        self._stall = stall
        self._kill = kill
        self._deadlines: set[Deadline] = set()
        self._lock = threading.Lock()
        self._beat = monotonic()
        self._over = threading.Event()

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[Deadline]:
        """What is done within must be over within so many seconds."""
        deadline = Deadline(monotonic() + seconds)
        with self._lock:
            self._deadlines.add(deadline)
        try:
            yield deadline
        finally:
            with self._lock:
                self._deadlines.discard(deadline)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch the running event loop and every deadline."""
        self._beat = monotonic()
        beating = asyncio.create_task(self._beats(), name="watchdog")
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            beating.cancel()
            self._over.set()
            await asyncio.to_thread(thread.join)

    async def _beats(self) -> None:
        while True:
            self._beat = monotonic()
            await asyncio.sleep(self._stall / _BEATS)

    def _watch(self) -> None:
        suspicious = False
        while not self._over.wait(min(_LOOK, self._stall / _BEATS)):
            with self._lock:
                late = any(deadline.passed for deadline in self._deadlines)
            suspected, suspicious = suspicious, monotonic() - self._beat > self._stall
            # A process that was stopped and goes on has old beats: the loop gets a turn first.
            if late or (suspected and suspicious):
                log.critical(
                    "worker kills itself",
                    reason="an attempt did not end" if late else "the event loop stands still",
                )
                self._kill()
                return
