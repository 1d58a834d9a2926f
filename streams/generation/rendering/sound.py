"""A quiet chord under the pictures."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from streams.generation.rendering.waves import AMPLITUDE, TURN, sine

RATE = 44_100  # samples per second

_FADE = RATE // 2
_CHORDS = ((0, 7, 16), (0, 7, 15), (0, 5, 12), (0, 7, 14))  # semitones above the root
_FRACTION = 1 << 16  # phases are counted in 65536ths of a 4096th of a turn


def tone_bed(seed: int, samples: int) -> NDArray[np.int16]:
    """A chord that breathes, mono, in signed 16-bit samples."""
    chance = random.Random(f"sound {seed}")
    root = 110.0 * 2 ** (chance.randrange(12) / 12)
    times = np.arange(samples, dtype=np.int64)
    total = np.zeros(samples, np.int64)
    for semitones in chance.choice(_CHORDS):
        total += _partial(times, root * 2 ** (semitones / 12))
    breath = 2 * AMPLITUDE + sine(times * TURN // (RATE * 3))
    total = total * breath * 4 // AMPLITUDE
    fade = np.minimum(np.minimum(times, times[::-1]), _FADE)
    return (total * fade // _FADE).astype(np.int16)


def _partial(times: NDArray[np.int64], hertz: float) -> NDArray[np.int64]:
    step = round(hertz * TURN * _FRACTION / RATE)
    return sine(times * step // _FRACTION).astype(np.int64)
