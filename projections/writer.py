"""Writing beside reading: PostgreSQL works on a span while the next one is decoded and folded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from projections.applying import Ready
from projections.spans import Outcome


class Writer:
    """A thread that applies one span at a time; nothing queues up behind it.

    Args:
        apply: called in the thread.
    """

    def __init__(self, apply: Callable[[Ready], Outcome]) -> None:
        self._apply = apply
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._last: tuple[Ready, Future[Outcome]] | None = None

    def write(self, ready: Ready) -> None:
        """Begin to apply a span; the last one's outcome must have been taken."""
        assert self._last is None
        self._last = ready, self._thread.submit(self._apply, ready)

    def outcome(self) -> tuple[Ready, Outcome] | None:
        """What became of the last span, once it is known; None where that was asked already.

        Raises:
            Exception: whatever applying it has raised.
        """
        if self._last is None:
            return None
        (ready, applied), self._last = self._last, None
        return ready, applied.result()

    def close(self) -> None:
        """Wait until nothing is being written."""
        self._thread.shutdown()
