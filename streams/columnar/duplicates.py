"""Events that a producer sent twice.

An event is a duplicate if its id stands at one of the `horizon` offsets before it in the same
partition. That depends on the log alone, never on a clock or on where a chunk ends, so a replay
decides as the first run did: every row with a given applied offset is the same row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

Ids = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]

_BUCKETS_PER_ID = 16
_MARK_BITS = 18


class DuplicateWindow:
    """Remembers the ids of the last `horizon` offsets of a partition.

    Ids are kept as 64-bit hashes. With a horizon of 100,000 a wrong match is to be expected once in
    some 10^14 events.

    Nearly every id is new. A bucket for each of many ranges of hashes remembers the last offset
    that fell into it: where that is out of the window, so is every equal id. What is left, some
    hundredths, is looked up in the window itself.
    """

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        # Each id once, where it stood last, in the order of the offsets; the window is a part of
        # longer arrays.
        self._ids: Ids = np.empty(0, dtype=np.uint64)
        self._offsets: Offsets = np.empty(0, dtype=np.int64)
        self._window = slice(0, 0)
        # Offsets modulo 2^32: one that is 2^32 too old is looked up in vain, that is all.
        self._buckets: npt.NDArray[np.uint32] = np.empty(0, dtype=np.uint32)

    def filter(self, events: pl.DataFrame, id_column: str) -> pl.DataFrame:
        """The events without the duplicates.

        Args:
            events: in the order of the log, with `_offset`.
        """
        if not self._horizon or events.is_empty():
            return events
        new = events["_offset"].to_numpy()
        hashes = events[id_column].hash().to_numpy()
        self._advance(hashes, new)
        repeated = self._repeated(hashes[self._suspicious(hashes, new)])
        if not repeated:  # nearly always
            return events
        last, keep = self._told_apart(repeated)
        self._retain(last)
        return events.filter(pl.Series(keep[-len(new) :]))

    def _advance(self, hashes: Ids, offsets: Offsets) -> None:
        """Append to the window; what is out of reach of these offsets leaves it."""
        start, end = self._window.start, self._window.stop
        start += int(np.searchsorted(self._offsets[start:end], offsets[0] - self._horizon))
        standing, more = end - start, len(hashes)
        if end + more > len(self._ids):
            ids, known = self._ids, self._offsets
            if 2 * (standing + more) > len(ids):
                size = 3 * (standing + more)
                ids, known = np.empty(size, dtype=np.uint64), np.empty(size, dtype=np.int64)
            ids[:standing], known[:standing] = self._ids[start:end], self._offsets[start:end]
            self._ids, self._offsets = ids, known
            start, end = 0, standing
        self._ids[end : end + more], self._offsets[end : end + more] = hashes, offsets
        self._window = slice(start, end + more)

    def _suspicious(self, hashes: Ids, offsets: Offsets) -> npt.NDArray[np.bool_]:
        """Of any two equal ids within the horizon, one of them now, at least one of the new."""
        if not len(self._buckets):
            size = 1 << (_BUCKETS_PER_ID * self._horizon - 1).bit_length()
            long_ago = (int(offsets[0]) - self._horizon - 1) % (1 << 32)
            self._buckets = np.full(size, long_ago, dtype=np.uint32)
        buckets = (hashes & np.uint64(len(self._buckets) - 1)).view(np.int64)
        now = offsets.astype(np.uint32)
        before = now - self._buckets.take(buckets) <= self._horizon
        self._buckets[buckets] = now
        # All but the last that fell into a bucket.
        followed = self._buckets.take(buckets) != now
        return np.asarray(before | followed)

    def _repeated(self, suspects: Ids) -> list[int]:
        """Where in the window ids stand more than once; none but suspects do."""
        marks = np.zeros(1 << _MARK_BITS, dtype=np.bool_)
        marks[_mark(suspects)] = True
        ids = self._ids[self._window]
        at = np.flatnonzero(marks.take(_mark(ids)))
        alike = pl.Series(ids[at])
        if alike.n_unique() == len(alike):
            return []
        repeated: list[int] = at[alike.is_duplicated().to_numpy()].tolist()
        return repeated

    def _told_apart(
        self, repeated: list[int]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which occurrences are the last of their id, and which are no duplicates."""
        ids, offsets = self._ids[self._window], self._offsets[self._window]
        last = np.ones(len(ids), dtype=np.bool_)
        keep = np.ones(len(ids), dtype=np.bool_)
        before: dict[int, int] = {}
        for at in repeated:
            earlier = before.get(int(ids[at]))
            if earlier is not None:
                last[earlier] = False
                keep[at] = offsets[at] - offsets[earlier] > self._horizon
            before[int(ids[at])] = at
        return last, keep

    def _retain(self, last: npt.NDArray[np.bool_]) -> None:
        """Keep that part of the window."""
        ids, offsets = self._ids[self._window][last], self._offsets[self._window][last]
        start = self._window.start
        self._window = slice(start, start + len(ids))
        self._ids[self._window], self._offsets[self._window] = ids, offsets


def _mark(ids: Ids) -> npt.NDArray[np.int64]:
    """The upper bits of hashes; buckets go by the lower ones."""
    return (ids >> np.uint64(64 - _MARK_BITS)).view(np.int64)
