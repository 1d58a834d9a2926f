"""A column of any type by slot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.columnar.state.arrays import detached, gathered, grown
from streams.columnar.state.index import Numbers

_PLACE_BITS = 32
_PLACE = (1 << _PLACE_BITS) - 1
_CHUNKS = 8  # polars gathers from more only after it has copied them into one
_UNTIDY = 1 << 16  # rows
_SHARED = 32  # writes whose buffers a chunk may keep in memory; copying lists out costs more


class LogColumn:
    """Values of any type by slot, in a log: chunks of values, the newest last.

    Chunks are merged such that each has at least twice the values of the one behind it, and so a
    value is moved seldom; those that no slot refers to any more are left behind then.
    """

    def __init__(self, name: str, dtype: pl.DataType) -> None:
        self.name = name
        # Place zero is the null of slots without a value.
        self._chunks = [pl.Series(name, [None], dtype=dtype)]
        self._slots: list[npt.NDArray[np.uint32]] = [np.zeros(1, dtype=np.uint32)]
        self._shared = [0]  # writes in a chunk since it was last copied out
        self._alive = np.ones(1, dtype=np.int64)  # values of a chunk that a slot refers to
        self._where = np.zeros(1, dtype=np.int64)  # chunk and row in one integer
        self._index_chunks()

    def reserve(self, slots: int) -> None:
        """Make room for slots below that number."""
        self._where = grown(self._where, slots)

    def take(self, slots: Numbers) -> pl.Series:
        """Values of slots; null for a negative one."""
        places = self._where.take(slots)
        places[slots < 0] = 0
        return gathered(self._log, self._starts[places >> _PLACE_BITS] + (places & _PLACE))

    def put(self, slots: Numbers, values: pl.Series) -> None:
        """Replace the values of slots."""
        if not len(slots):
            return
        self._leave(slots)
        self._append(slots, values.rechunk(), shared=1)
        rows = np.array(list(map(len, self._chunks)))
        untidy = np.flatnonzero(rows - self._alive > self._alive + _UNTIDY)
        if len(untidy):
            self._merge(int(untidy[0]))
        elif len(self._chunks) > _CHUNKS:
            behind = np.cumsum(self._alive[::-1])[::-1] - self._alive
            small = np.flatnonzero(self._alive[1:] <= behind[1:])
            self._merge(int(small[0]) + 1)  # the last but one at least
        self._index_chunks()

    def clear(self, slots: Numbers) -> None:
        """Forget the values of slots."""
        self._leave(slots)
        self._where[slots] = 0

    def _leave(self, slots: Numbers) -> None:
        """The slots' values are needed no more."""
        chunks = self._where[slots] >> _PLACE_BITS
        self._alive -= np.bincount(chunks, minlength=len(self._alive))
        self._alive[0] = 1

    def _append(self, slots: Numbers, values: pl.Series, shared: int) -> None:
        first = len(self._chunks) << _PLACE_BITS
        self._where[slots] = np.arange(first, first + len(slots))
        self._chunks.append(values)
        self._slots.append(slots.astype(np.uint32))
        self._shared.append(shared)
        self._alive = np.append(self._alive, len(slots))

    def _merge(self, first: int) -> None:
        """Merge the chunks from `first` on."""
        slots = np.concatenate(self._slots[first:]).astype(np.int64)
        starts = [number << _PLACE_BITS for number in range(first, len(self._chunks))]
        places = np.concatenate(
            [
                np.arange(start, start + len(chunk))
                for start, chunk in zip(starts, self._chunks[first:], strict=True)
            ]
        )
        alive = self._where[slots] == places
        values = pl.concat(self._chunks[first:], rechunk=False).filter(pl.Series(alive))
        shared = sum(self._shared[first:])
        if shared > _SHARED:
            values, shared = detached(values), 0
        del self._chunks[first:], self._slots[first:], self._shared[first:]
        self._alive = self._alive[:first]
        self._append(slots[alive], values.rechunk(), shared)

    def _index_chunks(self) -> None:
        self._log = pl.concat(self._chunks, rechunk=False)
        self._starts = np.cumsum([0, *map(len, self._chunks[:-1])])
