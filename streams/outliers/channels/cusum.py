"""Views a day of one channel, what is usual for it, and a CUSUM that tells when that has moved.

One observation after the other, in plain floats: the state after a snapshot depends on the
snapshots before it alone, however they came in chunks.

**A day** is the time between a mark and the first snapshot at least 20 hours after it, which is the
next mark; its views are brought to 24 hours. Counts that have fallen are a recount: the mark moves,
and nothing is said of that day. Snapshots from before the mark came late, and move nothing.

**What is usual** of x = log10(daily views + 1): the first 8 days give the median and a scale from
their MAD, drawn half-way to `TYPICAL_SCALE` (the MAD of 8 values is off by half now and then).
From then on both follow with exponential forgetting: location += 0.05 r scale with r the residual
(x - location) / scale held within +-2.5, and the scale's square by the residuals that are within.
While a sum stands above `MOVING` both stand still: what may be a shift is not learned as usual.

**The sums** (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954), either direction:
S = max(0, S + r - 1). An alarm is S > 12 **and** that the move has settled: of the last ten medians
of three days in a row, as log distances from what was usual, the newest is at least 0.8 of the
largest, and three scales. So one hit does not trip it: a single day adds at most 1.5, and
one that lives for weeks falls as it ages, while a new level stays, also one that began with a hit.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from dataclasses import dataclass, field

LEAST_GAP = dt.timedelta(hours=20)
LONGEST_GAP = dt.timedelta(days=30)  # beyond it what was usual is history: it begins anew
_DAY_S = 86_400.0

FIRST = 8  # days that a baseline begins with
FORGETTING = 0.05
SIGMA_PER_MAD = 1.4826  # of a normal distribution
TYPICAL_SCALE = 0.12  # of log10 daily views of a channel from day to day
LEAST_SCALE = 0.05  # a factor of 1.12: some channels hardly vary

WINSOR = 2.5
SLACK = 1.0
ALARM = 12.0
MOVING = 3.0
SETTLED = 0.8
RECENT = 12  # days, which have ten medians of three: what lies further back may have been a hit
LEAST_AWAY = 3.0  # scales: what has come back to what was usual varies too, and is no new level
# E[z^2 given |z| <= 2.5] of a normal z: what a scale that fits sees of residuals within bounds.
_WITHIN = 0.9113

MOST_VALUES = 60  # days of a sum that are remembered and counted

UP, DOWN = "up", "down"


@dataclass
class Cusum:
    """A sum above zero in one direction.

    Attributes:
        value: in standard deviations.
        since: beginning of its first day.
        before: what was usual then, log10.
        values: x of its days, oldest first, the last `MOST_VALUES`.
    """

    value: float
    since: dt.datetime
    before: float
    values: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Shift:
    """An alarm: what was usual has moved.

    Attributes:
        before, after: log10(daily views + 1).
        observations: days that it shows in.
    """

    direction: str
    before: float
    after: float
    observations: int
    since: dt.datetime
    statistic: float


@dataclass
class ChannelViews:
    """One channel.

    Attributes:
        days: daily views since the baseline began.
        first: x while there are fewer than `FIRST`.
        location, scale: what is usual; None while there are too few.
        sums: by direction, those above zero.
    """

    marked_at: dt.datetime | None = None
    marked_views: int | None = None
    days: int = 0
    first: list[float] = field(default_factory=list)
    location: float | None = None
    scale: float | None = None
    sums: dict[str, Cusum] = field(default_factory=dict)

    def see(self, at: dt.datetime, views: int) -> Shift | None:
        """Take a snapshot in, in the order of the log; the alarm that it raises, if it does.

        Args:
            views: cumulative, known.
        """
        if self.marked_at is None or self.marked_views is None:
            self.marked_at, self.marked_views = at, views
            return None
        gap = at - self.marked_at
        if gap < LEAST_GAP:
            return None
        since, gained = self.marked_at, views - self.marked_views
        self.marked_at, self.marked_views = at, views
        if gap > LONGEST_GAP:
            self._begin_anew()
            return None
        if gained < 0:
            return None
        return self._day(math.log10(gained / (gap.total_seconds() / _DAY_S) + 1), since)

    def _begin_anew(self) -> None:
        self.days, self.first, self.location, self.scale, self.sums = 0, [], None, None, {}

    def _day(self, x: float, since: dt.datetime) -> Shift | None:
        self.days += 1
        if self.location is None or self.scale is None:
            self.first.append(x)
            if len(self.first) == FIRST:
                self.location, self.scale = _usual(self.first)
                self.first = []
            return None
        residual = (x - self.location) / self.scale
        held = min(max(residual, -WINSOR), WINSOR)
        shift = self._added(UP, held, x, since) or self._added(DOWN, -held, x, since)
        if shift is not None:
            self.location, self.sums = shift.after, {}
            return shift
        if any(cusum.value > MOVING for cusum in self.sums.values()):
            return None
        self.location += FORGETTING * held * self.scale
        if held == residual:
            grown = 1 + FORGETTING * (residual * residual / _WITHIN - 1)
            self.scale = max(self.scale * math.sqrt(grown), LEAST_SCALE)
        return None

    def _added(self, direction: str, residual: float, x: float, since: dt.datetime) -> Shift | None:
        assert self.location is not None and self.scale is not None
        known = self.sums.get(direction)
        value = (known.value if known else 0.0) + residual - SLACK
        if value <= 0:
            self.sums.pop(direction, None)
            return None
        cusum = known or Cusum(0.0, since, self.location)
        self.sums[direction] = cusum
        cusum.value = value
        cusum.values = [*cusum.values, x][-MOST_VALUES:]
        sign = 1 if direction == UP else -1
        recent = cusum.values[-RECENT:]
        away = [sign * (one - cusum.before) for one in recent]
        if value <= ALARM or not _settled(away, LEAST_AWAY * self.scale):
            return None
        after = statistics.median(recent)
        return Shift(direction, cusum.before, after, len(cusum.values), cusum.since, value)


def _settled(away: list[float], least: float) -> bool:
    """Whether the newest days are nearly as far away as any: a level, not a hit on its way down."""
    middles = [statistics.median(away[at : at + 3]) for at in range(max(len(away) - 2, 1))]
    return middles[-1] >= max(SETTLED * max(middles), least)


def _usual(values: list[float]) -> tuple[float, float]:
    """Location and scale of the first days."""
    location = statistics.median(values)
    spread = SIGMA_PER_MAD * statistics.median(abs(value - location) for value in values)
    return location, max(math.sqrt((spread**2 + TYPICAL_SCALE**2) / 2), LEAST_SCALE)
