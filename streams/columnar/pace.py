"""When to flush: soon where that is cheap or where somebody may be waiting."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_LEAST_PAUSE_S = 0.1
_EVENTS_PER_SECOND = 200_000  # of pause between flushes


class FlushPace:
    """The pauses between flushes.

    Short where little was flushed, and over once everything is read: that is fresh. Long in a
    backlog, where waiting lets the rows of many events become one.

    Args:
        longest: seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._read = asyncio.Event()

    def everything_is_read(self) -> None:
        """Nothing is known that was not processed: there is nothing to wait for."""
        self._read.set()

    def begin(self) -> None:
        """A flush begins; what is read from here on is for the next one."""
        self._read.clear()

    async def pause(self, gone: int) -> None:
        """Wait until the next flush.

        Args:
            gone: offsets that the last one went through.
        """
        least = min(_LEAST_PAUSE_S, self._longest)
        await asyncio.sleep(least)
        more = min(self._longest, gone / _EVENTS_PER_SECOND) - least
        if more > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._read.wait(), more)
