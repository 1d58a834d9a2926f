"""Letting requests on in groups: what a group costs, each of them would cost alone."""

from __future__ import annotations

import asyncio

EVERY_S = 0.05


class Pace:
    """A gate that opens at most every so often; who comes after a pause passes at once.

    Args:
        every_s: seconds between two openings: so long does a request wait at most.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._opens_at = 0.0  # by the loop's clock
        self._waiting: list[asyncio.Future[None]] = []

    async def passed(self) -> None:
        """Wait for the gate."""
        loop = asyncio.get_running_loop()
        if not self._waiting and loop.time() >= self._opens_at:
            self._opens_at = loop.time() + self._every_s
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_at(self._opens_at, self.open)
        await turn

    def open(self) -> None:
        """Let everybody who waits pass."""
        self._opens_at = asyncio.get_running_loop().time() + self._every_s
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():  # else its request has gone
                turn.set_result(None)
