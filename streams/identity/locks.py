"""Locks: too many failures in a row, and nothing is tried for a while.

The same rule holds for accounts and for addresses that nobody registered, so that a lock tells
nobody which of the two an address is.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

MOST_FAILURES = 5  # in a row; the last of them locks
FIRST = dt.timedelta(minutes=15)
LONGEST = dt.timedelta(hours=24)
QUIET = dt.timedelta(hours=48)  # after a lock, until the next one is a first one again


@dataclass(frozen=True, slots=True)
class Lock:
    """How often something failed, and until when nothing is tried.

    Attributes:
        failures: since the last success or lock.
        locks: since the last success, or quiet time.
        until: of the latest lock (UTC).
    """

    failures: int = 0
    locks: int = 0
    until: dt.datetime | None = None

    def holds(self, at: dt.datetime) -> bool:
        """Whether nothing is tried at that time."""
        return self.until is not None and at < self.until

    def next_until(self, at: dt.datetime) -> dt.datetime | None:
        """Until when one more failure at that time locks; None: it does not."""
        if self.failures + 1 < MOST_FAILURES:
            return None
        return at + min(FIRST * (1 << min(self._locks_at(at), 10)), LONGEST)

    def failed(self) -> Lock:
        """After a failure, whether it locks or not."""
        return replace(self, failures=self.failures + 1)

    def locked(self, until: dt.datetime, at: dt.datetime) -> Lock:
        """After the failure that locks."""
        return Lock(0, self._locks_at(at) + 1, until)

    def _locks_at(self, at: dt.datetime) -> int:
        return 0 if self.until is None or at - self.until > QUIET else self.locks
