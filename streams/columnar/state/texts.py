"""A column of strings or binaries by slot."""

from __future__ import annotations

import numpy as np
import polars as pl

from streams.columnar.state.arrays import detached, gathered, grown
from streams.columnar.state.index import Numbers

_RECENT = 1 << 15  # values
_SHARE = 16
_SLACK = 1 << 22  # bytes
_VIEW = 16  # bytes that a value takes besides its own


class TextColumn:
    """Strings or binaries by slot, in a log.

    A value is written only where it differs from the one that stands. The log has two parts, for
    polars gathers from one piece several times as fast as from many: what is written joins the
    recent part, and that the settled part when it has grown. Values that no slot refers to any more
    are left behind on the way.
    """

    def __init__(self, name: str, dtype: pl.DataType) -> None:
        self.name = name
        # Place zero is the null of slots without a value.
        self._settled = pl.Series(name, [None], dtype=dtype)
        self._recent = self._settled.clear()
        self._where = np.zeros(1, dtype=np.int64)
        self._bytes = 0  # of both parts
        self._dead_bytes = 0  # of them, what no slot refers to
        self._taken: tuple[Numbers, pl.Series] | None = None

    def reserve(self, slots: int) -> None:
        """Make room for slots below that number."""
        self._where = grown(self._where, slots)

    def take(self, slots: Numbers) -> pl.Series:
        """Values of slots; null for a negative one."""
        places = self._where.take(slots)
        places[slots < 0] = 0
        values = self._at(places)
        self._taken = slots, values
        return values

    def put(self, slots: Numbers, values: pl.Series) -> None:
        """Replace the values of slots."""
        standing = self._standing(slots)
        self._taken = None
        changed = values.ne_missing(standing)
        if not changed.all():
            slots, values = slots[changed.to_numpy()], values.filter(changed)
            standing = standing.filter(changed)
        if len(values):
            self._dead_bytes += _weight(standing)
            self._write(slots, detached(values))

    def clear(self, slots: Numbers) -> None:
        """Forget the values of slots."""
        self._dead_bytes += _weight(self.take(slots))
        self._where[slots] = 0
        self._taken = None

    def _standing(self, slots: Numbers) -> pl.Series:
        if self._taken is not None and self._taken[0] is slots:
            return self._taken[1]
        return self.take(slots)

    def _at(self, places: Numbers) -> pl.Series:
        settled = len(self._settled)
        recent = places >= settled
        count = np.count_nonzero(recent)
        if not count:
            return gathered(self._settled, places)
        if count == len(places):
            return gathered(self._recent, places - settled)
        old, new = np.flatnonzero(~recent), np.flatnonzero(recent)
        parts = [
            gathered(self._settled, places[old]),
            gathered(self._recent, places[new] - settled),
        ]
        order = np.empty(len(places), dtype=np.int64)
        order[old] = np.arange(len(old))
        order[new] = np.arange(len(old), len(places))
        return gathered(pl.concat(parts, rechunk=True), order)

    def _write(self, slots: Numbers, values: pl.Series) -> None:
        end = len(self._settled) + len(self._recent)
        self._where[slots] = np.arange(end, end + len(slots))
        self._recent = pl.concat([self._recent, values], rechunk=True)
        self._bytes += _weight(values)
        limit = max(_RECENT, len(self._settled) // _SHARE)
        if len(self._recent) > limit:
            self._tidy()
            if len(self._recent) > limit // 2:
                self._settle()

    def _tidy(self) -> None:
        """Keep of the recent values those that are referred to, in one buffer."""
        settled = len(self._settled)
        slots = np.flatnonzero(self._where >= settled)
        before = _weight(self._recent)
        self._recent = detached(gathered(self._recent, self._where[slots] - settled))
        self._where[slots] = np.arange(settled, settled + len(slots))
        left_behind = before - _weight(self._recent)
        self._bytes -= left_behind
        self._dead_bytes -= left_behind

    def _settle(self) -> None:
        """The recent values join the settled ones."""
        self._settled = pl.concat([self._settled, self._recent], rechunk=True)
        self._recent = self._recent.clear()
        if self._dead_bytes > self._bytes // 3 + _SLACK:
            slots = np.flatnonzero(self._where)
            alive = gathered(self._settled, self._where[slots])
            self._settled = pl.concat([self._settled[:1], detached(alive)], rechunk=True)
            self._where[slots] = np.arange(1, 1 + len(slots))
            self._bytes, self._dead_bytes = _weight(self._settled), 0


def _weight(values: pl.Series) -> int:
    """Bytes that values take; a null takes none."""
    sizes = values.bin.size() if values.dtype == pl.Binary else values.str.len_bytes()
    return int(sizes.sum()) + _VIEW * (len(values) - values.null_count())
