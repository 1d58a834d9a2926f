"""Random numbers that are looked up instead of drawn one after the other.

What video 7 of channel 12 is must not depend on who was asked for before: each number is a hash of
the seed, what it is for, and whom it is about.
"""

from __future__ import annotations

import zlib

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1
_INVERSES = (pow(_FIRST, -1, 1 << 64), pow(_SECOND, -1, 1 << 64))
_TO_UNIT = 2.0**-53

Numbers = np.ndarray


def mix(value: int) -> int:
    """A 64-bit number scrambled, one to one (the finalizer of SplitMix64; Steele et al. 2014)."""
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def unmix(value: int) -> int:
    """What `mix` made the number of."""
    value = (_unshift(value, 31) * _INVERSES[1]) & _MASK
    value = (_unshift(value, 27) * _INVERSES[0]) & _MASK
    return _unshift(value, 30)


def _unshift(value: int, bits: int) -> int:
    found = value
    for _ in range(64 // bits + 1):
        found = value ^ (found >> bits)
    return found


class Draws:
    """The numbers of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._keys: dict[str, int] = {}

    def key(self, purpose: str) -> int:
        """64 bits for one purpose."""
        if purpose not in self._keys:
            self._keys[purpose] = self._made(purpose)
        return self._keys[purpose]

    def _made(self, purpose: str) -> int:
        return mix((mix(self._seed & _MASK) + zlib.crc32(purpose.encode()) * _GOLDEN) & _MASK)

    def uniform(self, purpose: str, first: Numbers, second: Numbers | int = 0) -> Numbers:
        """A number from 0 to below 1 for each pair; Float64, as long as `first`."""
        first, second = np.broadcast_arrays(
            np.atleast_1d(np.asarray(first, dtype=np.uint64)), np.asarray(second, dtype=np.uint64)
        )
        state = _mixed(first * np.uint64(_GOLDEN) + np.uint64(self.key(purpose)))
        state = _mixed(state + second * np.uint64(_SECOND))
        return np.asarray((state >> np.uint64(11)) * _TO_UNIT)

    def normal(self, purpose: str, first: Numbers, second: Numbers | int = 0) -> Numbers:
        """Standard normal numbers, by the transform of Box and Muller (1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(purpose + " radius", first, second)))
        angle = 2 * np.pi * self.uniform(purpose + " angle", first, second)
        return np.asarray(radius * np.cos(angle))


def _mixed(value: Numbers) -> Numbers:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(_FIRST)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(_SECOND)
    return np.asarray(value ^ (value >> np.uint64(31)))
