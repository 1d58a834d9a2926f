"""A day's units spread over what is left of the day."""

from __future__ import annotations

SAVED_S = 30 * 60.0  # units that were not spent are saved up for so long
LEAST_SAVED = 12  # units: enough for a first look at a channel with many videos
_LAST_S = 60.0  # of a day: what is left then may be spent at once


class Pacing:
    """Units that may be spent now, so that there are some until the day's last minute.

    What is kept back because nothing was worth it is spread over the rest of the day.
    """

    def __init__(self) -> None:
        self._saved: float | None = None
        self._at = 0.0

    def allowed(self, now: float, left: int, resets_at: float) -> int:
        """Units that may be spent now.

        Args:
            now: seconds since 1970; never falling.
            left: units of today that are not spent.
            resets_at: when the day ends.
        """
        rate = left / max(resets_at - now, _LAST_S)
        most = max(rate * SAVED_S, LEAST_SAVED)
        # At the start there is something saved, so that what was asked for just now is looked at.
        saved = most if self._saved is None else self._saved + rate * max(0.0, now - self._at)
        self._saved, self._at = min(saved, most), now
        return max(0, min(int(self._saved), left))

    def spent(self, units: int) -> None:
        """So many were spent."""
        self._saved = (self._saved or 0.0) - units
