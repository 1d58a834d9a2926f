"""Colours: a seeded cycle of a few that go well together, as YUV in television range."""

from __future__ import annotations

import colorsys
import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SIZE = 256
_STOPS = 4


class Palette(NamedTuple):
    """Look-up tables of 256 entries, uint8; the last entry leads on to the first."""

    luma: NDArray[np.uint8]
    blue: NDArray[np.uint8]
    red: NDArray[np.uint8]


def palette(chance: random.Random) -> Palette:
    """Two neighbouring hues and one across, dark enough for white letters."""
    hue = chance.random()
    hues = (hue, hue + 0.08, hue + 0.5 + chance.uniform(-0.08, 0.08), hue - 0.1)
    lights = (0.16, 0.42, 0.30, 0.58)
    stops = [
        _yuv(colorsys.hls_to_rgb(h % 1.0, light, 0.6))
        for h, light in zip(hues, lights, strict=True)
    ]
    table = np.empty((_SIZE, 3), np.uint8)
    for index in range(_SIZE):
        at = index * _STOPS / _SIZE
        low = int(at)
        share = at - low
        share = share * share * (3 - 2 * share)  # smooth at the stops
        here, there = stops[low], stops[(low + 1) % _STOPS]
        table[index] = [round(a + (b - a) * share) for a, b in zip(here, there, strict=True)]
    luma, blue, red = (np.ascontiguousarray(table[:, channel]) for channel in range(3))
    return Palette(luma, blue, red)


def _yuv(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """BT.709, 16 to 235 for luma and 16 to 240 for chroma."""
    r, g, b = rgb
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return 16 + 219 * y, 128 + 224 * (b - y) / 1.8556, 128 + 224 * (r - y) / 1.5748
