"""What is remembered of videos, so that each adds to its history, and is told of, once.

**Why the memory may be cut and nothing depends on the chunks.** Let A(i) be the newest
`occurred_at` of the channel up to and including event i of the log, and H(i) = A(i) - 120 d.

1. Event i *counts* iff its views are known, its age has a bracket and its published_at >= H(i). An
   event in order always passes the last test (it is younger than 90 days); one that fails came
   more than 30 days late.
2. The memory of a video has M, the newest published_at of its events before i that counted. If
   there is none, or M < H(i), a counting event begins the video's *life* anew: it was tested on no
   day. Every life begins a *story*, which has contributed at no age; so does an event of another
   format than the one before it in the same life.
3. A, and with it H, never falls. A memory with M < H(i) is therefore below H(j) for every later j:
   the next event that counts begins a new story whether the memory is still there or not. Dropping
   it now, later or never gives the same, and after a drop at the end of a chunk the rest,
   {M >= H(last)}, is the same set whatever was dropped before: an event that counts after a drop
   has published_at >= H > the dropped M, so the maximum does not miss it.
4. A video whose published_at stands still has one story: when i counts, M = published_at >= H(i).
   Only a publication moved forward past the horizon begins another.
5. Days that a story was tested on are remembered as far as seven days behind the newest of them;
   an event of an earlier day than seven before A(i) is no test. The newest tested day never
   exceeds A's day, so no day is asked for that is not remembered.

6. How a video stands goes from one story to the next, or nobody would take back what the last one
   left standing: a snapshot that begins a story confirms it or takes it back. It is remembered
   while M >= A(i) - 365 d. That is 3 with a longer horizon: memories of outliers stay as long, and
   begin a life all the same where M < H(i).

Forgetting by the event's own occurred_at would not do: of events out of order a late one could
still match a memory that another chunking had dropped already.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.outliers.ages import LOWER_ENDS_H
from streams.outliers.detection.arrays import (
    NEVER,
    Booleans,
    Integers,
    first_of_each,
    running_max,
    starts_of,
)
from streams.outliers.detection.channels import (
    FORMATS,
    imploded,
    instants,
    micros,
    named,
    places_of,
)

HORIZON = dt.timedelta(days=120)
STANDS = dt.timedelta(days=365)  # that it is remembered of outliers that they are some
DAYS = 8  # that tests are remembered of: the newest and those before it

_HORIZON_US = HORIZON // dt.timedelta(microseconds=1)
_STANDS_US = STANDS // dt.timedelta(microseconds=1)
_DAY_US = 86_400_000_000
_BITS = (1 << DAYS) - 1

USUAL, DOUBTFUL, OUTLIER = 0, 1, 2  # how a video stands
NOTHING = -1  # a signal that leaves it as it stands


class Turns(NamedTuple):
    """What changes at which of the snapshots; arrays in the order of the log.

    Attributes:
        entered: bool, it becomes an outlier, or one without doubts.
        left: bool, it is one no more.
        before: int64, how it stood before.
        prior: int64, which snapshot of these its detection came with that stood before; of one that
            stood before all of them -2 - the entry's number; -1 where none did.
    """

    entered: Booleans
    left: Booleans
    before: Integers
    prior: Integers


class Memory:
    """Stories of videos: what is known of them, followed by snapshots that count.

    Args:
        known: entries of `videos`, with `_channel`.
        known_codes: their numbers.
        snapshots: those that count, in the order of the log: `_channel`, `_series`, video_id,
            published_at, occurred_at, as_of, age_from_h, views.
        codes: their numbers.

    Attributes:
        contributes: bool, by snapshot: whether it adds to its series.
        first: bool: whether that is the first contribution of its story.
        leaves: int64: the series that its video leaves with it, having contributed there; else -1.
    """

    def __init__(
        self, known: pl.DataFrame, known_codes: Integers, snapshots: pl.DataFrame, codes: Integers
    ) -> None:
        self._known, self._snapshots = known, snapshots
        count = len(known)
        whole = np.concatenate([known_codes, codes])
        # Stable: of each video the entry first, then its snapshots in the order of the log.
        order = np.argsort(whole, kind="stable")
        self._order, self._code = order, whole[order]
        self._event = order >= count
        published = np.concatenate(
            [micros(known["published_at"]), micros(snapshots["published_at"])]
        )
        self._newest = running_max(published[order], self._code)
        self._as_of = micros(snapshots["as_of"])
        channel = snapshots["_channel"].to_numpy()
        places = snapshots["_series"].to_numpy() - channel * len(FORMATS)
        places = np.concatenate([places_of(known["format"]), places])[order]
        self._lives = self._fallen_behind(_HORIZON_US)
        was = _one_later(places, -1)
        moved = ~self._lives & (was >= 0) & (was != places)
        self._begins = self._lives | moved
        self._story, self._life = np.cumsum(self._begins) - 1, np.cumsum(self._lives) - 1
        self._places = places
        self._ages = self._known_of(self._story, "ages", 0)
        self.contributes, self.first = self._contributions()
        self.leaves = np.where(
            self._by_snapshot(moved & self._contributed_before()),
            channel * len(FORMATS) + self._by_snapshot(was),
            -1,
        )

    def turns(self, signals: Integers) -> Turns:
        """What becomes of videos.

        Args:
            signals: of each snapshot: how the video stands at least from here on (`DOUBTFUL`,
                `OUTLIER`), `USUAL` where it is one no more, else `NOTHING`.
        """
        event, order = self._event, self._order
        signal = np.full(len(order), NOTHING)
        signal[event] = signals[order[event] - len(self._known)]
        # A story does not inherit what it does not say itself.
        signal[event & self._begins & (signal == NOTHING)] = USUAL
        signal[~event] = self._known["standing"].to_numpy()[order[~event]]
        # A stretch begins where nothing is remembered, and where a video stops being an outlier.
        unknown = self._fallen_behind(_STANDS_US)
        stretch = np.cumsum(unknown | (signal == USUAL))
        after = np.maximum.accumulate(stretch * 4 + np.maximum(signal, 0)) - stretch * 4
        before = np.where(unknown, USUAL, _one_later(after, USUAL))
        entered = event & (after > before)
        marked = entered | (~event & (signal > USUAL))
        place = np.maximum.accumulate(np.where(marked, np.arange(len(order)), -1))
        source = np.where(event, order - len(self._known), -2 - order)
        prior = np.where(before > USUAL, source[_one_later(place, 0)], -1)
        self._after, self._place = after, np.where(after > USUAL, place, -1)
        left = event & (signal == USUAL) & (before > USUAL)
        return Turns(*(self._by_snapshot(one) for one in (entered, left, before, prior)))

    def tests(self, judged: Booleans, before: Integers) -> pl.DataFrame:
        """Videos judged on a day that were no outliers when it began.

        Args:
            judged: which snapshots were.
            before: how their videos stood before each.

        Returns:
            `_channel`, day (Datetime), tests (Int64): new ones.
        """
        day = micros(self._snapshots["occurred_at"]) // _DAY_US
        recent = day > micros(self._snapshots["as_of"]) // _DAY_US - DAYS
        event, order = self._event, self._order
        open_ = np.zeros(len(order), dtype=np.bool_)
        days = np.zeros(len(order), dtype=np.int64)
        at = order[event] - len(self._known)
        open_[event] = (judged & recent & (before < OUTLIER))[at]
        days[event] = day[at]
        life = self._life
        newest, bits = self._known_of(life, "day", -1), self._known_of(life, "days", 0)
        behind = newest[life] - days
        known = (behind >= 0) & (behind < DAYS)
        known &= (bits[life] >> np.clip(behind, 0, DAYS) & 1) == 1
        span = int(days.max(initial=0)) + 1
        tested = first_of_each(life * span + days, open_ & ~known)
        last = newest.copy()
        np.maximum.at(last, life[tested], days[tested])
        bits = np.where(newest >= 0, bits << np.minimum(last - newest, DAYS), 0) & _BITS
        away = last[life[tested]] - days[tested]
        near = away < DAYS
        np.add.at(bits, life[tested][near], 1 << away[near])
        self._day, self._days = last, bits
        found = np.flatnonzero(self._by_snapshot(tested))
        return (
            self._snapshots[found]
            .select("_channel", pl.col("occurred_at").dt.truncate("1d").alias("day"))
            .group_by("_channel", "day")
            .agg(pl.len().cast(pl.Int64).alias("tests"))
        )

    def remembered(self, ids: pl.Series, views: Integers, as_of: pl.Series) -> pl.Series:
        """`videos` of every channel, after `turns` and `tests`.

        Args:
            ids: of each snapshot the event_id of the detection that came with it, if one did.
            views: of each snapshot.
            as_of: of every channel, after all snapshots.
        """
        last = np.flatnonzero(np.append(self._code[1:] != self._code[:-1], True)[: len(self._code)])
        story, life = self._story[last], self._life[last]
        source = pl.concat([self._known.select("_channel", "video_id"),
                            self._snapshots.select("_channel", "video_id")])  # fmt: skip
        ages = self._ages.copy()
        bits = 1 << self._brackets()
        np.add.at(ages, self._story[self._adds], bits[self._adds])
        stands = np.where(self._place[last] < 0, len(source), self._order[self._place[last]])
        detections = pl.concat([self._known["detection"], ids, pl.Series([None], dtype=pl.String)])
        counted = np.concatenate([self._known["views"].to_numpy(), views, [0]])
        entries = source[self._order[last]].with_columns(
            instants(self._newest[last]).alias("published_at"),
            pl.Series("ages", ages[story], dtype=pl.Int32),
            pl.Series("day", self._day[life], dtype=pl.Int32),
            pl.Series("days", self._days[life], dtype=pl.Int32),
            pl.Series("standing", self._after[last], dtype=pl.Int32),
            detections[stands].alias("detection"),
            pl.Series("views", counted[stands]),
            named(self._places[last]),
        )
        now = as_of.gather(entries["_channel"])
        kept = entries.filter(
            (entries["published_at"] >= now - HORIZON)
            | ((entries["published_at"] >= now - STANDS) & (entries["standing"] > USUAL))
        )
        return imploded(kept.sort("_channel", "published_at", "video_id"), "videos", len(as_of))

    def known_detections(self, prior: Integers) -> tuple[pl.Series, Integers]:
        """event_id and views of detections that stood before, by `Turns.prior`; all below -1."""
        at = -2 - prior
        return self._known["detection"][at], self._known["views"].to_numpy()[at]

    def _contributions(self) -> tuple[Booleans, Booleans]:
        bracket = self._brackets()
        width = len(LOWER_ENDS_H)
        first = first_of_each(self._story * width + bracket, self._event & (bracket > 0))
        ages = self._ages[self._story]
        self._adds = first & (ages >> bracket & 1 == 0)
        begins = first_of_each(self._story, self._adds) & (ages == 0)
        return self._by_snapshot(self._adds), self._by_snapshot(begins)

    def _brackets(self) -> Integers:
        """Number of each snapshot's age bracket; 0 for entries."""
        lower = self._snapshots["age_from_h"].to_numpy()
        found = np.zeros(len(self._order), dtype=np.int64)
        number = np.searchsorted(np.array(LOWER_ENDS_H), lower)
        found[self._event] = number[self._order[self._event] - len(self._known)]
        return found

    def _fallen_behind(self, horizon_us: int) -> Booleans:
        """Where a video begins, or has a newest publication so far behind the channel's as_of."""
        oldest = np.full(len(self._order), NEVER)
        oldest[self._event] = self._as_of[self._order[self._event] - len(self._known)] - horizon_us
        behind: Booleans = np.arange(len(self._order)) == starts_of(self._code)
        behind[1:] |= self._newest[:-1] < oldest[1:]
        return behind

    def _contributed_before(self) -> Booleans:
        """Whether anything was contributed in the story before."""
        contributed = self._ages != 0
        contributed[self._story[self._adds]] = True
        before: Booleans = contributed[np.maximum(self._story - 1, 0)]
        return before

    def _known_of(self, groups: Integers, field: str, otherwise: int) -> Integers:
        """Of each story or life what is known from before."""
        values = np.full(int(groups[-1]) + 1 if len(groups) else 0, otherwise, dtype=np.int64)
        entries = ~self._event
        values[groups[entries]] = self._known[field].to_numpy()[self._order[entries]]
        return values

    def _by_snapshot(self, values: NDArray[Any]) -> NDArray[Any]:
        found = np.empty(len(self._snapshots), dtype=values.dtype)
        found[self._order[self._event] - len(self._known)] = values[self._event]
        return found


def _one_later(values: Integers, first: int) -> Integers:
    """The value before each, `first` before the first."""
    return np.concatenate([[first], values])[: len(values)]


def counting(snapshots: pl.DataFrame) -> pl.DataFrame:
    """The snapshots that count, see the module's first rule.

    Args:
        snapshots: views, age_from_h, published_at and as_of, the A(i) above.
    """
    return snapshots.filter(
        pl.col("views") >= 0,
        pl.col("age_from_h").is_not_null(),
        pl.col("published_at") >= pl.col("as_of") - HORIZON,
    )
