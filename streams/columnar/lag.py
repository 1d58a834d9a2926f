"""How far a worker is behind the log, as it knows itself."""

from __future__ import annotations

from collections.abc import Callable
from time import time

from schemas.chunks import Chunk


class Lag:
    """Lag of one owned partition. The event loop tells it what happens; any thread may ask.

    Args:
        position: the first offset that is not processed yet; None once the partition is lost.
        fetched_end: where the log ends as the last fetch said; None before the first one.
        end: where the log ended when the partition was assigned.
    """

    def __init__(
        self,
        position: Callable[[], int | None],
        fetched_end: Callable[[], int | None],
        end: int,
    ) -> None:
        self._position = position
        self._fetched_end = fetched_end
        self._end = end
        self._assigned = time()
        self._newest = 0.0
        self._caught_up = 0.0

    def events(self) -> int:
        """Offsets from the position to the end of the log."""
        position = self._position()
        if position is None:
            return 0
        return max(0, max(self._end, self._fetched_end() or 0) - position)

    def seconds(self) -> float:
        """No unprocessed record is in the log for longer than this; 0 where there is none.

        The clock minus the later of two times: when the log received the last record that was
        processed, and when nothing was left last. While neither is known, the time since the
        partition was assigned. (The lag of the projections is defined in the same way.)
        """
        if not self.events():
            return 0.0
        return max(0.0, time() - (max(self._newest, self._caught_up) or self._assigned))

    def processed(self, chunk: Chunk) -> None:
        """A chunk was processed."""
        self._newest = chunk.last_timestamp / 1000
        self.look()

    def look(self, end: int | None = None) -> None:
        """See whether anything is left.

        Args:
            end: of the log, where it was asked for. A consumer that has stopped fetching does not
                hear of it otherwise.
        """
        if end is not None:
            self._end = end
        if not self.events():
            self._caught_up = time()
