"""ADWIN: a window over a stream that lets go of its past as soon as the past is another.

Bifet and Gavaldà, Learning from Time-Changing Data with Adaptive Windowing (SIAM SDM 2007), the
second version, ADWIN2: the window is an exponential histogram of buckets, so that it costs
logarithmic memory, and only cuts between buckets are looked at. With n values in the window, n0
before a cut and n1 after it, m = 1 / (1/n0 + 1/n1), d = delta / ln n and the variance v of the
window, the means differ if they are further apart than

    sqrt(2/m v ln(2/d)) + 2/(3m) ln(2/d)

(their section 4.1). Then the oldest bucket goes, until no cut is left.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

_ALIKE = 5  # buckets of one size; one more, and the two oldest become one of twice the size
_EVERY = 32  # values between two looks: most of the cost is in looking
_FEWEST = 10  # values in the window, and a fifth of it on each side of a cut, before it is cut


@dataclass(slots=True)
class _Bucket:
    """Consecutive values.

    Attributes:
        count: a power of two.
        total: their sum.
        squares: the sum of their squared distances from their mean.
    """

    count: int
    total: float
    squares: float

    def and_then(self, other: _Bucket) -> _Bucket:
        """The two as one (Chan, Golub and LeVeque, 1979)."""
        count = self.count + other.count
        apart = self.total / self.count - other.total / other.count
        squares = self.squares + other.squares + apart**2 * self.count * other.count / count
        return _Bucket(count, self.total + other.total, squares)


class Adwin:
    """The window. The same values in the same order give the same window.

    Args:
        delta: about the probability with which a window of values whose mean never changed is cut.

    Attributes:
        seen: values so far.
    """

    def __init__(self, delta: float = 0.002) -> None:
        self.seen = 0
        self._delta = delta
        self._rows: list[deque[_Bucket]] = [deque()]  # by size, each oldest first

    @property
    def width(self) -> int:
        """Values in the window, which are the newest."""
        return sum(bucket.count for row in self._rows for bucket in row)

    @property
    def mean(self) -> float:
        """Of the window; nan while it is empty."""
        width = self.width
        total = math.fsum(bucket.total for row in self._rows for bucket in row)
        return total / width if width else math.nan

    def add(self, value: float) -> bool:
        """Take a value; whether the window was cut because of it.

        Args:
            value: 0 to 1.
        """
        self.seen += 1
        self._rows[0].append(_Bucket(1, value, 0.0))
        self._merge()
        return self.seen % _EVERY == 0 and self._cut()

    def _merge(self) -> None:
        for size, row in enumerate(self._rows):
            if len(row) <= _ALIKE:
                return
            if size + 1 == len(self._rows):
                self._rows.append(deque())
            self._rows[size + 1].append(row.popleft().and_then(row.popleft()))

    def _cut(self) -> bool:
        was_cut = False
        while self._differs():
            was_cut = True
            self._rows[-1].popleft()
            while len(self._rows) > 1 and not self._rows[-1]:
                self._rows.pop()
        return was_cut

    def _differs(self) -> bool:
        """Whether any cut of the window leaves two sides whose means differ."""
        buckets = list(self._oldest_first())
        whole = _sum(buckets)
        if whole is None or whole.count < _FEWEST:
            return False
        variance = whole.squares / whole.count
        doubt = math.log(2 * math.log(whole.count) / self._delta)
        counts = itertools.accumulate(bucket.count for bucket in buckets)
        totals = itertools.accumulate(bucket.total for bucket in buckets)
        for count, total in zip(counts, totals, strict=True):
            rest = whole.count - count
            if min(count, rest) < _FEWEST / 2:
                continue
            apart = abs(total / count - (whole.total - total) / rest)
            harmonic = 1 / (1 / count + 1 / rest)
            if apart > math.sqrt(2 / harmonic * variance * doubt) + 2 / (3 * harmonic) * doubt:
                return True
        return False

    def _oldest_first(self) -> Iterator[_Bucket]:
        for row in reversed(self._rows):
            yield from row


def _sum(buckets: list[_Bucket]) -> _Bucket | None:
    found: _Bucket | None = None
    for bucket in buckets:
        found = bucket if found is None else found.and_then(bucket)
    return found
