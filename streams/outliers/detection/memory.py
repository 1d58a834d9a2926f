"""What is remembered of videos, so that each adds to its history, and is told of, once.

**Why the memory may be cut and nothing depends on the chunks.** Let A(i) be the newest
`occurred_at` of the channel up to and including event i of the log, and H(i) = A(i) - 120 d.

1. Event i *counts* iff its views are known, its age has a bracket and its published_at >= H(i). An
   event in order always passes the last test (it is younger than 90 days); one that fails came
   more than 30 days late.
2. The memory of a video has M, the newest published_at of its events before i that counted. If
   there is none, or M < H(i), a counting event begins the video's *story* anew: it has contributed
   at no age, was tested on no day and is no outlier.
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
from streams.outliers.detection.channels import imploded, instants, micros

HORIZON = dt.timedelta(days=120)
DAYS = 8  # that tests are remembered of: the newest and those before it

_HORIZON_US = HORIZON // dt.timedelta(microseconds=1)
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
        snapshots: those that count, in the order of the log: `_channel`, video_id, published_at,
            occurred_at, as_of, age_from_h, views.
        codes: their numbers.
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
        as_of = micros(snapshots["as_of"])
        oldest = np.concatenate([np.full(count, NEVER), as_of - _HORIZON_US])[order]
        begins = np.arange(len(order)) == starts_of(self._code)
        begins[1:] |= self._newest[:-1] < oldest[1:]
        self._story = np.cumsum(begins) - 1
        self._begins = begins
        # Of each story what is known from before; nothing where it begins here.
        self._entry = np.full(int(self._story[-1]) + 1 if len(order) else 0, -1)
        self._entry[self._story[~self._event]] = order[~self._event]
        self._ages = self._of_story("ages", 0)
        self.contributes, self.first = self._contributions()

    def turns(self, signals: Integers) -> Turns:
        """What becomes of videos.

        Args:
            signals: of each snapshot: how the video stands at least from here on (`DOUBTFUL`,
                `OUTLIER`), `USUAL` where it is one no more, else `NOTHING`.
        """
        event, order = self._event, self._order
        signal = np.full(len(order), NOTHING)
        signal[event] = signals[order[event] - len(self._known)]
        signal[~event] = self._known["standing"].to_numpy()[order[~event]]
        # A stretch begins with a story, and where a video stops being an outlier.
        stretch = np.cumsum(self._begins | (signal == USUAL))
        after = np.maximum.accumulate(stretch * 4 + np.maximum(signal, 0)) - stretch * 4
        before = np.where(self._begins, USUAL, _one_later(after, USUAL))
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
        newest, bits = self._of_story("day", -1), self._of_story("days", 0)
        behind = newest[self._story] - days
        known = (behind >= 0) & (behind < DAYS)
        known &= (bits[self._story] >> np.clip(behind, 0, DAYS) & 1) == 1
        span = int(days.max(initial=0)) + 1
        tested = first_of_each(self._story * span + days, open_ & ~known)
        last = newest.copy()
        np.maximum.at(last, self._story[tested], days[tested])
        bits = np.where(newest >= 0, bits << np.minimum(last - newest, DAYS), 0) & _BITS
        away = last[self._story[tested]] - days[tested]
        near = away < DAYS
        np.add.at(bits, self._story[tested][near], 1 << away[near])
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
        story = self._story[last]
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
            pl.Series("day", self._day[story], dtype=pl.Int32),
            pl.Series("days", self._days[story], dtype=pl.Int32),
            pl.Series("standing", self._after[last], dtype=pl.Int32),
            detections[stands].alias("detection"),
            pl.Series("views", counted[stands]),
        )
        horizon = as_of.gather(entries["_channel"]) - HORIZON
        kept = entries.filter(entries["published_at"] >= horizon)
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

    def _of_story(self, field: str, otherwise: int) -> Integers:
        values = np.append(self._known[field].to_numpy().astype(np.int64), otherwise)
        return np.asarray(values[self._entry])

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
