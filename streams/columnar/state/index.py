"""From 64-bit hashes to numbers: an open-addressed hash table whose every step is one over arrays.

A dict from keys to rows needs 0.4 to 0.7 µs a look-up once the keys are no longer in the cache, and
140 bytes a key; this needs 0.05 µs and 11 to 26 bytes. An entry is one word: the upper 24 bits of
the hash, and a number of 40 bits. What stands behind the number is compared by the caller, so equal
hashes of different keys cost time and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NOTHING = -1

_NUMBER = np.uint64((1 << 40) - 1)
_TAG = ~_NUMBER
_EMPTY = np.uint64((1 << 64) - 1)
_GONE = np.uint64((1 << 64) - 2)
_NUMBERS = np.uint64((1 << 40) - 2)  # what either mark leaves of itself is no number
_SMALLEST = 1 << 10
# Linear probing slows down sharply above three quarters. The room between the two is what has to
# come and go before everything is indexed anew.
_FULL = 3 / 4
_ROOMY = 5 / 8
_PIECE = 1 << 16  # what is placed at once stays in the processor's cache


class HashIndex:
    """Numbers by hash. Several numbers may have the same hash.

    Args:
        hashes_of: hashes of numbers that stand in the index, for when it grows.
    """

    def __init__(self, hashes_of: Callable[[Numbers], Hashes]) -> None:
        self._hashes_of = hashes_of
        self._entries = np.full(_SMALLEST, _EMPTY, dtype=np.uint64)
        self._taken = 0  # entries that are not empty

    def find(self, hashes: Hashes, same: Callable[[Numbers, Numbers], Mask]) -> Numbers:
        """The number of each hash, `NOTHING` without one.

        Args:
            same: of positions in `hashes` and a number for each, whether it is the wanted one.
        """
        found = np.full(len(hashes), NOTHING, dtype=np.int64)
        seekers = np.arange(len(hashes))
        places = self._home(hashes)
        while len(seekers):
            alike, numbers, places = self._next(hashes[seekers], places)
            seekers = seekers[alike]
            right = same(seekers, numbers)
            found[seekers[right]] = numbers[right]
            # Another number may have the tag of the wanted one.
            seekers, places = seekers[~right], self._after(places[~right])
        return found

    def add(self, hashes: Hashes, numbers: Numbers) -> None:
        """Add numbers that do not stand in the index."""
        if self._taken + len(numbers) > len(self._entries) * _FULL:
            self._make_room(len(numbers))
        self._place(hashes, numbers)

    def remove(self, hashes: Hashes, numbers: Numbers) -> None:
        """Remove numbers that stand in the index, each with its hash."""
        places, entries = self._home(hashes), _entries(hashes, numbers)
        while len(entries):
            here = self._entries.take(places) == entries
            self._entries[places[here]] = _GONE
            places, entries = self._after(places[~here]), entries[~here]

    def _next(self, hashes: Hashes, places: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """The first entry with each hash's tag, from its place on.

        Returns:
            Which hashes have one, its number, and its place.
        """
        seekers = np.arange(len(hashes))
        tags = hashes & _TAG
        stops = places.copy()
        left = np.full(len(hashes), _EMPTY, dtype=np.uint64)
        while len(seekers):
            entries = self._entries.take(places)
            # Where the tags are equal nothing but the number is left.
            rest = entries ^ tags
            alike = rest < _NUMBERS
            arrived = seekers[alike]
            left[arrived] = rest[alike]
            stops[arrived] = places[alike]
            on = np.flatnonzero(~alike & (entries != _EMPTY))
            seekers, tags, places = seekers[on], tags[on], self._after(places[on])
        alike = left < _NUMBERS
        return np.flatnonzero(alike), left[alike].view(np.int64), stops[alike]

    def _place(self, hashes: Hashes, numbers: Numbers) -> None:
        for start in range(0, len(numbers), _PIECE):
            piece = slice(start, start + _PIECE)
            places = self._home(hashes[piece])
            entries = _entries(hashes[piece], numbers[piece])
            while len(entries):
                before = self._entries.take(places)
                free = before >= _GONE
                self._entries[places[free]] = entries[free]
                # Of several in one place the last has won.
                here = self._entries.take(places) == entries
                self._taken += int(np.count_nonzero(before[here] == _EMPTY))
                places, entries = self._after(places[~here]), entries[~here]

    def _make_room(self, more: int) -> None:
        """Index everything anew, without the entries that are gone."""
        numbers = (self._entries[self._entries < _GONE] & _NUMBER).view(np.int64)
        size = _SMALLEST
        while len(numbers) + more > size * _ROOMY:
            size *= 2
        # The old entries make room first: both at once would be the peak of the memory.
        self._entries = np.empty(0, dtype=np.uint64)
        self._entries = np.full(size, _EMPTY, dtype=np.uint64)
        self._taken = 0
        self._place(self._hashes_of(numbers), numbers)

    def _home(self, hashes: Hashes) -> Numbers:
        return (hashes & np.uint64(len(self._entries) - 1)).view(np.int64)

    def _after(self, places: Numbers) -> Numbers:
        return (places + 1) & (len(self._entries) - 1)


def _entries(hashes: Hashes, numbers: Numbers) -> Hashes:
    return (hashes & _TAG) | numbers.view(np.uint64)
