"""How many views a video had at an age, from counts that were observed near it.

Between the last count before the age and the first at or after it, log(1 + views) is taken to be
linear in time: growth by a factor, not by a number, is what views do. Where only one side is
known, its count stands if it is near: within `TOLERANCE` of the age. So a video that nobody looked
at around then has no answer, rather than a wrong one.
"""

from __future__ import annotations

import bisect
import datetime as dt
import math
from collections.abc import Sequence
from typing import NamedTuple

TOLERANCE = 0.1  # of the age

# Counts further apart than this many times the age say little of what was between them.
WIDEST = 1.0


class Count(NamedTuple):
    """Views at an instant."""

    at: dt.datetime
    views: int


def views_at(published: dt.datetime, horizon_h: float, counts: Sequence[Count]) -> int | None:
    """Views that the video had at an age, rounded; None as long as that cannot be said.

    Nothing is said before a count at or after the age is there: the age may not be reached.

    Args:
        published: when the video was published.
        horizon_h: the age in hours, above zero.
        counts: by `at`, oldest first.
    """
    due = published + dt.timedelta(hours=horizon_h)
    first = bisect.bisect_left(counts, due, key=lambda count: count.at)
    if first == len(counts):
        return None
    after = counts[first]
    before = counts[first - 1] if first else None
    age = dt.timedelta(hours=horizon_h)
    if before is not None and after.at - before.at <= WIDEST * age:
        return _between(before, after, due)
    near = [one for one in (after, before) if one and abs(one.at - due) <= TOLERANCE * age]
    return min(near, key=lambda count: abs(count.at - due)).views if near else None


def _between(before: Count, after: Count, due: dt.datetime) -> int:
    share = (due - before.at) / (after.at - before.at)
    low, high = math.log1p(before.views), math.log1p(after.views)
    return round(math.expm1(low + share * (high - low)))
