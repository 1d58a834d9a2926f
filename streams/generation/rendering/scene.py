"""The pictures: flowing bands of colour with drifting lights, grain, and the prompt as a title."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.generation.rendering.lettering import lettering
from streams.generation.rendering.palette import palette
from streams.generation.rendering.waves import AMPLITUDE, TURN, cosine, sine

FRAMES_PER_SECOND = 24

_FINE = 16  # parts of a 4096th of a turn in which wave numbers are counted
_FADE = 12  # frames in which the picture comes and goes
_WHITE = 235


@dataclass(frozen=True, slots=True)
class Shot:
    """What to draw.

    Attributes:
        width, height: in pixels, divisible by 8.
        steps: detail, 1 to 100: more waves, more lights, more grain.
        frames: how many.
    """

    prompt: str
    width: int
    height: int
    steps: int
    seed: int
    frames: int


class Scene:
    """Draws a shot frame by frame; the same shot is the same bytes."""

    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        # A sequence of text seeds Python's generator the same on every platform.
        chance = random.Random(f"scene {shot.seed}")
        self._palette = palette(chance)
        self._make_waves(chance)
        self._make_lights(chance)
        self._make_grain()
        self._make_title()

    def frame(self, number: int) -> bytes:
        """One picture as planar YUV 4:2:0: luma, then blue, then red at half size."""
        shot = self._shot
        index = self._bands(number)
        luma = self._palette.luma[index].astype(np.int16)
        self._add_lights(luma, number)
        self._add_grain(luma, number)
        self._add_title(luma, number)
        fade = min(_FADE, number + 1, shot.frames - number)
        if fade < _FADE:
            luma = 16 + (luma - 16) * fade // _FADE
        halved = index[::2, ::2]
        planes = (
            luma.clip(16, _WHITE).astype(np.uint8),
            self._palette.blue[halved],
            self._palette.red[halved],
        )
        return b"".join(plane.tobytes() for plane in planes)

    def _make_waves(self, chance: random.Random) -> None:
        """Plane waves: where each one's crests lie, how strong it is, how fast it moves."""
        count = 4 + self._shot.steps // 5
        longest = max(self._shot.width, self._shot.height)
        across, down, weights, speeds, starts = [], [], [], [], []
        for number in range(count):
            turns = 0.4 + 0.35 * number  # over the longer side
            scale = turns * TURN * _FINE / longest
            direction = 2 * math.pi * chance.random()
            across.append(round(math.cos(direction) * scale))
            down.append(round(math.sin(direction) * scale))
            weights.append(max(1, 24 // (number + 2)))
            speeds.append(round(chance.uniform(-1, 1) * (18 + 3 * number)))
            starts.append(chance.randrange(TURN))
        self._speeds = np.array(speeds, np.int64)
        self._starts = np.array(starts, np.int64)
        self._weights = np.array(weights, np.int64)
        self._down = np.outer(np.arange(self._shot.height), np.array(down, np.int64))
        columns = np.outer(np.array(across, np.int64), np.arange(self._shot.width)) // _FINE
        self._right = np.concatenate([cosine(columns), sine(columns)]).astype(np.float32)
        # Brings the sum of all waves to about one and a half times around the palette.
        self._scale = np.float32(2.0 ** -round(math.log2(sum(weights) * AMPLITUDE**2 / 160)))

    def _bands(self, number: int) -> NDArray[np.uint8]:
        """Index into the palette for every pixel.

        sin(a + b) = sin a cos b + cos a sin b: with a of the row and b of the column, the sum over
        all waves is a product of two small matrices.
        """
        rows = self._down // _FINE + self._starts + self._speeds * number
        left = np.concatenate([sine(rows) * self._weights, cosine(rows) * self._weights], axis=1)
        field = left.astype(np.float32) @ self._right
        field *= self._scale
        index: NDArray[np.uint8] = np.floor(field).astype(np.int16).astype(np.uint8)
        return index

    def _make_lights(self, chance: random.Random) -> None:
        count = 1 + self._shot.steps // 30
        self._paths = [[chance.randrange(TURN) for _ in range(4)] for _ in range(count)]
        self._sprites = []
        for number in range(count):
            radius = min(self._shot.width, self._shot.height) // (4 + 2 * number)
            line = np.arange(-radius, radius + 1, dtype=np.int64) ** 2
            distance = line[:, None] + line[None, :]
            glow = np.maximum(0, radius * radius - distance) * 70 // (radius * radius)
            self._sprites.append((glow * glow // 70).astype(np.int16))

    def _add_lights(self, luma: NDArray[np.int16], number: int) -> None:
        height, width = luma.shape
        for path, sprite in zip(self._paths, self._sprites, strict=True):
            x_speed, x_start, y_speed, y_start = path
            x = (x_speed % 13 + 8) * number + x_start
            y = (y_speed % 11 + 6) * number + y_start
            middle_x = width // 2 + int(sine(np.array(x))) * width // (2 * AMPLITUDE)
            middle_y = height // 2 + int(sine(np.array(y))) * height // (3 * AMPLITUDE)
            radius = sprite.shape[0] // 2
            top, left = middle_y - radius, middle_x - radius
            rows = slice(max(0, top), min(height, top + sprite.shape[0]))
            columns = slice(max(0, left), min(width, left + sprite.shape[1]))
            luma[rows, columns] += sprite[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]

    def _make_grain(self) -> None:
        strength = 1 + self._shot.steps // 25
        generator = np.random.Generator(np.random.PCG64(self._shot.seed))
        shape = (self._shot.height + 64, self._shot.width + 64)
        self._grain = generator.integers(-strength, strength, shape, np.int16, endpoint=True)
        self._shifts = generator.integers(0, 64, (self._shot.frames, 2), np.int64)

    def _add_grain(self, luma: NDArray[np.int16], number: int) -> None:
        top, left = self._shifts[number]
        height, width = luma.shape
        luma += self._grain[top : top + height, left : left + width]

    def _make_title(self) -> None:
        self._title = lettering(self._shot.prompt, self._shot.width).astype(np.int16)

    def _add_title(self, luma: NDArray[np.int16], number: int) -> None:
        """White letters on a darkened band in the lower third; both come within half a second."""
        title = self._title
        height = luma.shape[0]
        pad = max(8, self._shot.width // 40)
        bottom = height - height // 12
        top = max(0, bottom - title.shape[0] - pad)
        strength = min(_FADE, number)
        band = luma[top:bottom]
        band -= (band - 16) * strength // (2 * _FADE)
        place = band[pad : pad + title.shape[0]]
        place += title[: place.shape[0]] * ((_WHITE - place) * strength // _FADE)
