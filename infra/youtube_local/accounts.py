"""What the server remembers of each key: units spent, faults to show, a clock of its own.

Everything is by key, so that tests which share a server do not disturb each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from infra.youtube_local.errors import quota_exceeded

PACIFIC = ZoneInfo("America/Los_Angeles")
DEFAULT_LIMIT = 10_000  # units a day

FaultKind = Literal["server_error", "rate_limit", "cut", "garbled", "hang", "quota"]
FAULTS: tuple[FaultKind, ...] = get_args(FaultKind)


@dataclass
class Fault:
    """How the next calls go wrong.

    Attributes:
        calls: how many more. path: only those to this resource, such as `videos`.
        status: of `server_error`. seconds: of `hang`.
    """

    kind: FaultKind
    calls: int
    path: str | None = None
    status: int = 500
    seconds: float = 3600.0


@dataclass
class Account:
    """One key.

    Attributes:
        spent: units of the day `day`, in California. calls: of that day, by resource.
        limit: units a day. offset: of its clock before the real one.
    """

    limit: int
    day: dt.date | None = None
    spent: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    offset: dt.timedelta = dt.timedelta()
    frozen: dt.datetime | None = None

    def fault(self, path: str) -> Fault | None:
        """The fault of this call, if it shall have one; it is used up."""
        for fault in self.faults:
            if fault.calls > 0 and fault.path in (None, path):
                fault.calls -= 1
                return fault
        return None

    def spend(self, units: int, path: str, now: dt.datetime) -> None:
        """Take the units of a call.

        Raises:
            ApiError: quotaExceeded; nothing is taken.
        """
        self.turn(now)
        if self.spent + units > self.limit:
            raise quota_exceeded()
        self.spent += units
        self.calls[path] = self.calls.get(path, 0) + 1

    def refund(self, units: int) -> None:
        """Give back what a call that failed did not cost."""
        self.spent -= units

    def turn(self, now: dt.datetime) -> None:
        """Begin a new day where there is one: units are counted from midnight Pacific."""
        day = now.astimezone(PACIFIC).date()
        if day != self.day:
            self.day, self.spent, self.calls = day, 0, {}


class Accounts:
    """All keys; one that was never seen has spent nothing."""

    def __init__(
        self, limit: int = DEFAULT_LIMIT, clock: Callable[[], dt.datetime] | None = None
    ) -> None:
        self._limit = limit
        self._clock = clock or (lambda: dt.datetime.now(dt.UTC))
        self._accounts: dict[str, Account] = {}
        self.everybody = Account(limit)  # its faults are everybody's

    def __getitem__(self, key: str) -> Account:
        """The account of a key."""
        return self._accounts.setdefault(key, Account(self._limit))

    def now(self, key: str | None = None) -> dt.datetime:
        """The time as this key is shown it."""
        account = self._accounts.get(key) if key else None
        if account is None:
            return self._clock()
        return account.frozen or self._clock() + account.offset

    def fault(self, key: str, path: str) -> Fault | None:
        """The next fault of this key, or of everybody."""
        return self[key].fault(path) or self.everybody.fault(path)
