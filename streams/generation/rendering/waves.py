"""Sines in whole numbers, so that every machine and every library draws the same.

Angles are counted in 4096ths of a turn, amplitudes go to 127. Products and sums of such numbers
stay below 2^24, where 32-bit floats are exact in any order of adding: a matrix product of them is
the same number whatever processor and however many threads computed it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TURN = 4096
AMPLITUDE = 127

SINE = np.array(
    [round(AMPLITUDE * math.sin(2 * math.pi * angle / TURN)) for angle in range(TURN)], np.int32
)


def sine(angles: NDArray[np.int64]) -> NDArray[np.int32]:
    """127 times the sines of angles given in 4096ths of a turn."""
    sines: NDArray[np.int32] = SINE[angles & (TURN - 1)]
    return sines


def cosine(angles: NDArray[np.int64]) -> NDArray[np.int32]:
    """127 times the cosines."""
    return sine(angles + TURN // 4)
