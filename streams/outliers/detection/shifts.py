"""Shifts of what is usual for a channel: two cumulative sums over its videos.

Each video counts once, with its first contribution: its probability as a normal score, cut at
`CUT`. Sums and alarm are E. S. Page's (Continuous inspection schemes, Biometrika 41, 1954):
S = max(0, S + score - SLACK), an alarm where S >= ALARM, and the same downwards.

Sums are whole millionths, so that they do not depend on where a chunk begins: whole numbers add up
to the same in any order. An alarm changes what later videos are set against, so the videos after it
are judged again, in steps that grow while nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from streams.outliers.detection.arrays import NEVER, Booleans, Floats, Integers, starts_of
from streams.outliers.detection.channels import FORMATS, imploded, instants, micros, series_of

CUT = 2.0  # standard deviations: one hit moves a sum by no more than CUT - SLACK
SLACK = 0.5
ALARM = 5.0

_UNIT = 1_000_000
_STEP = 16  # videos of a series that are judged at first after an alarm
_FAR = 1 << 40  # more than a sum can fall within a chunk
_DIRECTIONS = ("up", "down")


class Shifts(NamedTuple):
    """Alarms; arrays in no order.

    Attributes:
        snapshot: int64, which of the snapshots tipped it.
        since: int64, publication of the first video of the shift, microseconds.
        videos: int64, in the sum.
        total: int64, the sum, in millionths.
        up: bool, else down.
    """

    snapshot: Integers
    since: Integers
    videos: Integers
    total: Integers
    up: Booleans

    @classmethod
    def none(cls) -> Shifts:
        """No alarms."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty, empty, empty.astype(np.bool_))


@dataclass
class _Sum:
    """One direction, by series: value in millionths, videos in it, publication of the first."""

    value: Integers
    videos: Integers
    since: Integers


class Levels:
    """The watch over some series.

    Args:
        known: entries of `levels`, with `_channel`.
        series: numbers of the series to watch, ascending; entries of others are only kept.
    """

    def __init__(self, known: pl.DataFrame, series: Integers) -> None:
        numbered = known.with_columns(
            series_of(pl.col("_channel"), pl.col("format")).alias("_series")
        )
        self._series = np.union1d(numbered["_series"].to_numpy(), series)
        at = np.searchsorted(self._series, numbered["_series"].to_numpy())
        self.since = _scattered(at, micros(numbered["since"]), len(self._series), NEVER)
        self._sums = {
            name: _Sum(
                _scattered(at, numbered[name].to_numpy(), len(self._series), 0),
                _scattered(at, numbered[f"{name}_videos"].to_numpy(), len(self._series), 0),
                _scattered(at, micros(numbered[f"{name}_since"]), len(self._series), NEVER),
            )
            for name in _DIRECTIONS
        }

    def places(self, series: Integers) -> Integers:
        """Where series are in `since`."""
        return np.searchsorted(self._series, series)

    def watch(
        self,
        snapshots: Integers,
        series: Integers,
        published: Integers,
        score: Callable[[Integers, Integers], Floats],
    ) -> Shifts:
        """Add videos up; `since` is afterwards what is in force after all of them.

        Args:
            snapshots: the first contributions of videos, positions in the order of the log.
            series: of each.
            published: of each, microseconds.
            score: of snapshots, and of the `since` in force for each, the normal scores; NaN where
                nothing can be said.
        """
        order = np.argsort(series, kind="stable")
        snapshots, place = snapshots[order], self.places(series[order])
        published = published[order]
        following = np.searchsorted(place, np.arange(len(self._series)), "left")
        ends = np.searchsorted(place, np.arange(len(self._series)), "right")
        steps = ends - following  # at first all at once
        found = []
        while (following < ends).any():
            taken = np.minimum(following + steps, ends)
            rows = _ranges(following, taken)
            alarms = self._add(
                place[rows], published[rows], score(snapshots[rows], self.since[place[rows]])
            )
            following, steps = taken, steps * 2
            if len(alarms.snapshot):
                at = rows[alarms.snapshot]
                following[place[at]], steps[place[at]] = at + 1, _STEP
                found.append(alarms._replace(snapshot=snapshots[at]))
        return Shifts(*map(np.concatenate, zip(*found, strict=True))) if found else Shifts.none()

    def entries(self, count: int) -> pl.Series:
        """`levels` of so many channels."""
        sums = {
            name: column
            for way, one in self._sums.items()
            for name, column in (
                (way, pl.Series(one.value)),
                (f"{way}_videos", pl.Series(one.videos, dtype=pl.Int32)),
                (f"{way}_since", instants(one.since)),
            )
        }
        frame = pl.DataFrame(
            {
                "_channel": self._series // len(FORMATS),
                "format": pl.Series(FORMATS, dtype=pl.String)[self._series % len(FORMATS)],
                "since": instants(self.since),
                **sums,
            }
        )
        told = pl.col("since").is_not_null() | (pl.col("up") > 0) | (pl.col("down") > 0)
        return imploded(frame.filter(told), "levels", count)

    def _add(self, place: Integers, published: Integers, scores: Floats) -> Shifts:
        """Add up to each series' first alarm; `snapshot` of the result are positions in these."""
        if not len(place):
            return Shifts.none()
        known = ~np.isnan(scores)
        cut = np.rint(np.clip(np.where(known, scores, 0.0), -CUT, CUT) * _UNIT).astype(np.int64)
        slack, alarm = round(SLACK * _UNIT), round(ALARM * _UNIT)
        starts = starts_of(place)
        runs = {
            name: _run(
                self._sums[name],
                np.where(known, (cut if name == "up" else -cut) - slack, 0),
                known, place, starts, published,
            )
            for name in _DIRECTIONS
        }  # fmt: skip
        tipped = (runs["up"].value >= alarm) | (runs["down"].value >= alarm)
        at = np.flatnonzero(tipped)
        at = at[np.unique(place[at], return_index=True)[1]]
        last = np.full(len(self._series), -1)
        last[place] = np.arange(len(place))
        last[place[at]] = -1
        going = np.flatnonzero(last >= 0)
        for name, run in runs.items():
            sums = self._sums[name]
            for kept, now in zip((sums.value, sums.videos, sums.since), run, strict=True):
                kept[going] = now[last[going]]
            sums.value[place[at]], sums.videos[place[at]] = 0, 0
            sums.since[place[at]] = NEVER
        up = runs["up"].value[at] >= alarm
        chosen = [
            np.where(up, runs["up"][field][at], runs["down"][field][at]) for field in range(3)
        ]
        self.since[place[at]] = chosen[2]
        return Shifts(at, chosen[2], chosen[1], chosen[0], up)


class _Run(NamedTuple):
    """A sum after each video: value, videos in it, publication of the first."""

    value: Integers
    videos: Integers
    since: Integers


def _run(
    sums: _Sum,
    steps: Integers,
    known: Booleans,
    place: Integers,
    starts: Integers,
    published: Integers,
) -> _Run:
    total = np.cumsum(steps)
    total += sums.value[place] - (total[starts] - steps[starts])
    # What the sum would have fallen below zero: a running minimum that begins anew per series.
    number = np.cumsum(np.arange(len(place)) == starts)
    lowest = np.minimum.accumulate(np.minimum(total, 0) - number * _FAR) + number * _FAR
    value = total - lowest
    # The sum's first video is the one after it last stood at zero.
    count = np.cumsum(known)
    zero = np.maximum.accumulate(np.where(value == 0, np.arange(len(place)), -1))
    fresh = zero >= starts
    at_zero = np.where(fresh, zero, 0)
    videos = np.where(
        fresh, count - count[at_zero], sums.videos[place] + count - count[starts] + known[starts]
    )
    first = _next_known(known, np.where(fresh, zero + 1, starts))
    since = np.where(
        fresh | (sums.videos[place] == 0), published[np.minimum(first, len(place) - 1)],
        sums.since[place],
    )  # fmt: skip
    empty = value == 0
    return _Run(value, np.where(empty, 0, videos), np.where(empty, NEVER, since))


def _next_known(known: Booleans, at: Integers) -> Integers:
    """The first known one from each position on."""
    places = np.flatnonzero(known)
    if not len(places):
        return at
    found = np.searchsorted(places, at)
    return np.asarray(places[np.minimum(found, len(places) - 1)])


def _ranges(starts: Integers, ends: Integers) -> Integers:
    """All positions of ranges, one range after the other."""
    sizes = ends - starts
    offsets = np.cumsum(sizes) - sizes
    found: Integers = np.arange(sizes.sum()) + np.repeat(starts - offsets, sizes)
    return found


def _scattered(at: Integers, values: Integers, count: int, otherwise: int) -> Integers:
    found = np.full(count, otherwise, dtype=np.int64)
    found[at] = values
    return found
