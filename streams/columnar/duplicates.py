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


class DuplicateWindow:
    """Remembers the ids of the last `horizon` offsets of a partition.

    Ids are kept as 64-bit hashes. With a horizon of 100,000 a wrong match is to be expected once in
    some 10^14 events.
    """

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        # Each id once, where it stood last, in the order of the offsets.
        self._ids: Ids = np.empty(0, dtype=np.uint64)
        self._offsets: Offsets = np.empty(0, dtype=np.int64)

    def filter(self, events: pl.DataFrame, id_column: str) -> pl.DataFrame:
        """The events without the duplicates.

        Args:
            events: in the order of the log, with `_offset`.
        """
        if not self._horizon or events.is_empty():
            return events
        new = events["_offset"].to_numpy()
        seen = np.searchsorted(self._offsets, new[0] - self._horizon)
        ids = np.concatenate((self._ids[seen:], events[id_column].hash().to_numpy()))
        offsets = np.concatenate((self._offsets[seen:], new))
        every = pl.Series(ids)
        if every.n_unique() == len(every):  # nearly always
            self._ids, self._offsets = ids, offsets
            return events
        repeated = every.is_duplicated().arg_true().to_list()
        last, keep = self._told_apart(ids, offsets, repeated)
        self._ids, self._offsets = ids[last], offsets[last]
        return events.filter(pl.Series(keep[-len(new) :]))

    def _told_apart(
        self, ids: Ids, offsets: Offsets, repeated: list[int]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which occurrences are the last of their id, and which are no duplicates."""
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
