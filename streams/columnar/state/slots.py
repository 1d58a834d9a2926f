"""Which slot of a table belongs to which key."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from streams.columnar.state.arrays import gathered, grown
from streams.columnar.state.index import Hashes, HashIndex, Mask, Numbers
from streams.columnar.state.texts import TextColumn

Hashing = Callable[[pl.Series], Hashes]


class KeySlots:
    """Slots by key. A slot that is released goes to a new key.

    Args:
        key: name of the key column, a String.
        hashing: a 64-bit hash of each key.
    """

    def __init__(self, key: str, hashing: Hashing) -> None:
        self._hashing = hashing
        self._keys = TextColumn(key, pl.String())
        self._hashes: Hashes = np.zeros(1, dtype=np.uint64)
        self._index = HashIndex(lambda slots: self._hashes[slots])
        self._end = 0  # slots from here on were never given out
        self._free: Numbers = np.empty(0, dtype=np.int64)
        self._asked: tuple[pl.Series, Numbers] | None = None

    def __len__(self) -> int:
        return self._end - len(self._free)

    @property
    def end(self) -> int:
        """All slots that were ever given out are below."""
        return self._end

    def used(self) -> Numbers:
        """The slots that belong to a key, rising."""
        used = np.ones(self._end, dtype=np.bool_)
        used[self._free] = False
        return np.flatnonzero(used)

    def find(self, keys: pl.Series) -> Numbers:
        """The slot of each key, negative without one.

        Asked again for the same keys it answers with the same array.
        """
        if self._asked is not None and self._asked[0].equals(keys):
            return self._asked[1]
        hashes = self._hashing(keys)

        def same(at: Numbers, slots: Numbers) -> Mask:
            return (self._keys.take(slots) == gathered(keys, at)).to_numpy()

        slots = self._index.find(hashes, same)
        self._asked = keys, slots
        return slots

    def add(self, keys: pl.Series) -> Numbers:
        """Give slots to keys that have none.

        Raises:
            ValueError: a key comes twice.
        """
        if keys.n_unique() < len(keys):
            raise ValueError("a key comes twice")
        reused = min(len(keys), len(self._free))
        fresh = len(keys) - reused
        slots = np.concatenate(
            (self._free[len(self._free) - reused :], np.arange(self._end, self._end + fresh))
        )
        self._free = self._free[: len(self._free) - reused]
        self._end += fresh
        self._keys.reserve(self._end)
        self._hashes = grown(self._hashes, self._end)
        self._keys.put(slots, keys)
        hashes = self._hashing(keys)
        self._index.add(hashes, slots)
        self._hashes[slots] = hashes
        return slots

    def release(self, slots: Numbers) -> None:
        """Take slots away from their keys."""
        self._index.remove(self._hashes[slots], slots)
        self._keys.clear(slots)
        self._free = np.concatenate((self._free, slots))
        self._asked = None

    def keys(self, slots: Numbers) -> pl.Series:
        """The keys of slots that were given out."""
        return self._keys.take(slots)


def hashes_of(keys: pl.Series) -> Hashes:
    """A 64-bit hash of each key; it holds for this process only."""
    return keys.hash().to_numpy()
