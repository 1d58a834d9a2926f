"""Which keys had no event for long, in the time of the log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streams.columnar.state.arrays import grown
from streams.columnar.state.index import Mask, Numbers

Times = npt.NDArray[np.int64]

_NEVER = np.iinfo(np.int64).max
_LOOKS = 64  # in the time after which a key is quiet
_MANY = 1 << 17  # keys noted without a look


@dataclass(frozen=True, slots=True)
class Parking:
    """When and where a table parks rows.

    Attributes:
        after_ms: a key without an event for so long, in the time of the log, is quiet.
        folder: for scratch files; it exists.
    """

    after_ms: int
    folder: Path


class LastSeen:
    """When the key of each slot had its last event, in milliseconds of the log's time.

    Args:
        after_ms: a key without an event for longer is quiet.
    """

    def __init__(self, after_ms: int) -> None:
        self._after = after_ms
        self._now = self._looked = 0
        self._noted = 0  # since the last look
        self.clear()

    def clear(self) -> None:
        """Forget all slots."""
        self._seen: Times = np.full(1, _NEVER)

    def reserve(self, slots: int) -> None:
        """Make room for slots below that number."""
        before = len(self._seen)
        self._seen = grown(self._seen, slots)
        self._seen[before:] = _NEVER

    def begin(self, now: int) -> None:
        """The log's time is at least this."""
        self._now = max(self._now, now)

    def note(self, slots: Numbers, times: int | Times | None = None) -> None:
        """The keys of slots had an event: now, at a time that is now from here on, or at times."""
        if isinstance(times, int):
            self._now = times
        elif times is not None and len(times):
            self.begin(int(times.max()))
        self._seen[slots] = self._now if times is None else times
        self._noted += len(slots)

    def of(self, slots: Numbers) -> Times:
        """When the keys of slots had their last event."""
        return self._seen[slots]

    def forget(self, slots: Numbers) -> None:
        """The slots have no key any more."""
        self._seen[slots] = _NEVER

    def quiet(self, busy: Mask, most: int) -> Numbers:
        """Slots whose keys are quiet; none if little has happened since the last look.

        Args:
            busy: slots that do not count.
            most: slots to find.
        """
        moved = abs(self._now - self._looked) * _LOOKS >= self._after
        if not moved and self._noted < _MANY:
            return np.empty(0, dtype=np.int64)
        # One wrong timestamp, or another topic's clock, must not keep a key for ever.
        self._seen[(self._seen > self._now) & (self._seen != _NEVER)] = self._now
        slots = np.flatnonzero((self._seen < self._now - self._after) & ~busy)
        if len(slots) <= most:
            self._looked, self._noted = self._now, 0
        return slots[:most]
