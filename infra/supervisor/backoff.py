"""How long to wait before starting again what keeps dying."""

from __future__ import annotations


class Backoff:
    """Doubles from `first` to `longest` seconds; a long enough life starts over."""

    def __init__(
        self, *, first: float = 0.5, longest: float = 10.0, healthy_after: float = 30.0
    ) -> None:
        self._first = first
        self._longest = longest
        self._healthy_after = healthy_after
        self._next = first

    def after(self, lived: float) -> float:
        """Seconds to wait after a life of `lived` seconds."""
        if lived >= self._healthy_after:
            self._next = self._first
        delay = self._next
        self._next = min(self._next * 2, self._longest)
        return delay
