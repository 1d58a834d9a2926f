"""Events that a producer sent twice.

An event is a duplicate if its id stands at one of the `horizon` offsets before it in the same
partition. That depends on the log alone, never on a clock or on where a chunk ends, so a replay
decides as the first run did: every row with a given applied offset is the same row.
"""

from __future__ import annotations

import polars as pl


class DuplicateWindow:
    """Remembers the ids of the last `horizon` offsets of a partition.

    Ids are kept as 64-bit hashes. With a horizon of 100,000 a wrong match is to be expected once in
    some 10^14 events.
    """

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        # Two generations instead of a queue: forgetting is then dropping a dict.
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._young_since = 0

    def filter(self, events: pl.DataFrame, id_column: str) -> pl.DataFrame:
        """The events without the duplicates.

        Args:
            events: in the order of the log, with `_offset`.
        """
        if not self._horizon or events.is_empty():
            return events
        ids = events[id_column].hash().to_list()
        offsets = events["_offset"].to_list()
        if offsets[0] - self._young_since > self._horizon:
            self._old, self._young = self._young, {}
            self._young_since = offsets[0]
        fresh = (
            self._young.keys().isdisjoint(ids)
            and self._old.keys().isdisjoint(ids)
            and len(set(ids)) == len(ids)
        )
        if fresh:
            self._young.update(zip(ids, offsets, strict=True))
            return events
        return events.filter(pl.Series(self._unique(ids, offsets)))

    def _unique(self, ids: list[int], offsets: list[int]) -> list[bool]:
        """One by one; remembers as it goes."""
        young, old = self._young, self._old
        keep = []
        for event, offset in zip(ids, offsets, strict=True):
            last = young.get(event)
            if last is None:
                last = old.get(event)
            keep.append(last is None or offset - last > self._horizon)
            young[event] = offset
        return keep
