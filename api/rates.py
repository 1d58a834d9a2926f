"""How fast something counts up."""

from __future__ import annotations

import time
from collections import deque

WINDOW_SECONDS = 10.0


class Rate:
    """A count as a rate a second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, count: int, now: float | None = None) -> float:
        """Note the count as it is now; the rate since the oldest note of the window."""
        moment = time.monotonic() if now is None else now
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()  # it was made anew, and starts over
        self._seen.append((moment, count))
        while moment - self._seen[0][0] > WINDOW_SECONDS and len(self._seen) > 2:
            self._seen.popleft()
        since, before = self._seen[0]
        return (count - before) / (moment - since) if moment > since else 0.0
