"""What is usual for a video: the newest contribution of each other video, at the same age.

Contributions of a series lie beside each other in the order of the log. A snapshot is
set against those before it (`end`): of each other video the newest, of these the newest `MOST`.
The `KEPT` newest videos of a series are all that any later snapshot can ask for: a video that is
not among them has that many in front of it, and only a contribution of its own brings it back.

A video that moves to another format leaves a mark in the old series that takes the place of what it
contributed there: it counts among the newest `MOST` and is not compared with. Were the place given
up, a video that has fallen out already would have to come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from streams.outliers.detection.arrays import FOREVER, NEVER, Booleans, Floats, Integers
from streams.outliers.detection.channels import FORMATS, Contributions
from streams.outliers.model.growth import Growth
from streams.outliers.model.posterior import Posterior, posterior

MOST = 40  # videos compared with
KEPT = MOST + 1  # the video itself may be one of them
FEWEST = 2  # below, nothing is said

_WIDTH = 64  # contributions that are looked back at first; more where that is not enough
_WIDER = 4
_BLOCK = 4096  # rows at a time: their matrices stay in the processor's cache
_NEVER_AGAIN = np.iinfo(np.int64).max


class Asked(NamedTuple):
    """Snapshots to set against their channel's history; arrays of one length.

    Attributes:
        start: int64, where the series begins among the contributions.
        end: int64, where it ends for this snapshot (exclusive).
        code: int64, number of the video within its channel.
        group: int64, of the growth curves.
        share: float64, log10 share of the 90-day views at its age.
        since: int64, microseconds: videos published earlier are not compared with.
        until: int64, microseconds: nor are those published then or later.
    """

    start: Integers
    end: Integers
    code: Integers
    group: Integers
    share: Floats
    since: Integers
    until: Integers

    def at(self, rows: Integers) -> Asked:
        """Some of them."""
        return Asked._make(column[rows] for column in self)


class Expected(NamedTuple):
    """Student's t of log10(90-day views + 1); NaN where fewer than `FEWEST` were compared with.

    Attributes:
        n: int64, videos compared with.
        location: float64.
        scale: float64.
        df: float64, degrees of freedom.
    """

    n: Integers
    location: Floats
    scale: Floats
    df: Floats

    @classmethod
    def nothing(cls, count: int) -> Expected:
        """Of so many rows, to be filled in."""
        nan = np.full(count, np.nan)
        return cls(np.zeros(count, dtype=np.int64), nan, nan.copy(), nan.copy())


class Window(NamedTuple):
    """Histories side by side.

    Attributes:
        rows: int64 (rows,), which of the asked.
        at: int64 (history, rows), positions of contributions, the newest last.
        inside: bool (history, rows), whether there is one.
    """

    rows: Integers
    at: Integers
    inside: Booleans


class History:
    """The contributions of all series of some channels.

    Args:
        contributions: by series, each in the order of the log.
        channels: how many there are.
        growth: curves and priors.
    """

    def __init__(self, contributions: Contributions, channels: int, growth: Growth) -> None:
        self._growth = growth
        self._codes = contributions.codes
        self._gone = contributions.frame["gone"].to_numpy()
        self._any_gone = bool(self._gone.any())
        self.published = contributions.published
        self.level, self.share = contributions.carried(growth)
        self._again = _again(contributions)
        self._series = contributions.series
        self._bounds = bounds_of(self._series, channels)

    def bounds(self, series: Integers) -> tuple[Integers, Integers]:
        """Where series begin and end among the contributions."""
        return self._bounds[series], self._bounds[series + 1]

    def kept(self) -> Integers:
        """Positions of the contributions that later snapshots can ask for."""
        newest = np.flatnonzero(self._again == _NEVER_AGAIN)
        series = self._series[newest]
        ends = np.searchsorted(series, series, "right")
        return newest[ends - np.arange(len(newest)) <= KEPT]

    def expected(self, asked: Asked) -> Expected:
        """What is usual for each."""
        return self._posteriors(asked, Expected.nothing(len(asked.end)), FEWEST)

    def anyhow(self, asked: Asked) -> Expected:
        """The same, with fewer than `FEWEST` as well; with none it is the prior."""
        found = Expected.nothing(len(asked.end))
        nobody = np.zeros((len(asked.end), 1))
        _put(
            found,
            np.arange(len(asked.end)),
            posterior(nobody, nobody, nobody > 0, asked.group, self._growth),
        )
        return self._posteriors(asked, found, 1)

    def _posteriors(self, asked: Asked, found: Expected, fewest: int) -> Expected:
        for window in self.windows(asked):
            n = window.inside.sum(axis=0)
            found.n[window.rows] = n
            enough = n >= fewest
            if not enough.any():
                continue
            rows = window.rows[enough]
            at, inside = window.at[:, enough], window.inside[:, enough]
            carried = np.abs(self.share[at] - asked.share[rows])
            _put(
                found,
                rows,
                posterior(self.level[at].T, carried.T, inside.T, asked.group[rows], self._growth),
            )
        return found

    def middle(self, asked: Asked) -> tuple[Floats, Floats]:
        """Median of the compared figures carried to 90 days, and their median deviation from it."""
        median, mad = np.full(len(asked.end), np.nan), np.full(len(asked.end), np.nan)
        for window in self.windows(asked):
            n = window.inside.sum(axis=0)
            values = np.where(window.inside, self.level[window.at], np.inf)
            middle = _middle(values, n)
            away = np.abs(values - np.where(n > 0, middle, 0.0))
            median[window.rows] = middle
            mad[window.rows] = _middle(away, n)
        return median, mad

    def windows(self, asked: Asked) -> Iterator[Window]:
        """What each is set against, in blocks; rows without any history are left out."""
        size = asked.end - asked.start
        order = np.argsort(size, kind="stable")
        order = order[size[order] > 0]
        width = _WIDTH
        while len(order):
            short = []
            for start in range(0, len(order), _BLOCK):
                rows = order[start : start + _BLOCK]
                window, whole = self._look_back(asked, rows, min(width, int(size[rows].max())))
                if not whole.all():
                    short.append(rows[~whole])
                    window = Window(rows[whole], window.at[:, whole], window.inside[:, whole])
                yield window
            order = np.concatenate(short) if short else order[:0]
            width *= _WIDER

    def _look_back(self, asked: Asked, rows: Integers, width: int) -> tuple[Window, Booleans]:
        """Windows of so many contributions, and whether that was far enough."""
        start, end, code = asked.start[rows], asked.end[rows], asked.code[rows]
        at = end + np.arange(-width, 0)[:, None]
        inside = at >= start
        at = np.where(inside, at, 0)
        inside &= (self._again[at] >= end) & (self._codes[at] != code)
        whole = end - start <= width
        if width > MOST:
            behind = np.cumsum(inside[::-1], axis=0, dtype=np.int32)[::-1]
            whole = whole | (behind[0] >= MOST)
            inside &= behind <= MOST
        since, until = asked.since[rows], asked.until[rows]
        if (since > NEVER).any() or (until < FOREVER).any():
            published = self.published[at]
            inside &= (published >= since) & (published < until)
        if self._any_gone:
            inside &= ~self._gone[at]
        return Window(rows, at, inside), whole


def _put(found: Expected, rows: Integers, made: Posterior) -> None:
    found.location[rows] = made.location
    found.scale[rows] = made.scale
    found.df[rows] = made.df


def _again(contributions: Contributions) -> Integers:
    """Where each one's video contributes to the same series for the next time."""
    keys = contributions.codes * len(FORMATS) + contributions.series % len(FORMATS)
    order = np.argsort(keys, kind="stable")
    again = np.full(len(keys), _NEVER_AGAIN)
    same = keys[order[1:]] == keys[order[:-1]]
    again[order[:-1][same]] = order[1:][same]
    return again


def _middle(values: Floats, n: Integers) -> Floats:
    """Medians of columns whose `n` values below infinity count; NaN where there are none."""
    ordered = np.sort(values, axis=0)
    column = np.arange(len(n))
    lower = ordered[np.maximum(n - 1, 0) // 2, column]
    upper = ordered[np.minimum(n // 2, len(values) - 1), column]
    total = np.where(n > 0, lower, 0.0) + np.where(n > 0, upper, 0.0)
    return np.where(n > 0, total / 2, np.nan)


def bounds_of(series: Integers, channels: int) -> Integers:
    """Where each series of some channels begins in an array of them in order, and the end."""
    sizes = np.bincount(series, minlength=channels * len(FORMATS))
    return np.concatenate([[0], np.cumsum(sizes)])


def ends_of(series: Integers, before: Integers, added_to: Integers, added_at: Integers) -> Integers:
    """Where its series ends for each snapshot, in the order of the log.

    Args:
        series: number of each snapshot's series.
        before: where the series ends before any of them.
        added_to: series of each addition; additions by series, then in the order of the log.
        added_at: the snapshot that each came with; it counts for those after it.
    """
    count = len(series)
    keys = added_to * count + added_at
    behind = np.searchsorted(keys, series * count + np.arange(count), "left")
    ends: Integers = before + behind - np.searchsorted(keys, series * count, "left")
    return ends
