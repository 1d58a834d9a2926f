"""Waiting longer and longer for a server that is away."""

from __future__ import annotations

from threading import Event

_FIRST_S = 0.2
_LONGEST_S = 10.0


class Backoff:
    """Pauses that double from 0.2 s to 10 s, until something worked."""

    def __init__(self) -> None:
        self._pause = _FIRST_S

    def reset(self) -> None:
        """Something worked: begin short again."""
        self._pause = _FIRST_S

    def wait(self, stop: Event) -> None:
        """Wait out a pause, or until `stop` is set."""
        stop.wait(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_S)
