"""Text as pixels, with a font of our own: no text ever reaches a filter language or a shell."""

from __future__ import annotations

import textwrap
import unicodedata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 5, 7  # of a glyph, in cells
_STEP = _WIDTH + 1  # cells from one glyph to the next
_LINE = _HEIGHT + 3  # cells from one line to the next
_BOX = (0x1F, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1F)  # for what the font does not have


def _read_font() -> dict[str, tuple[int, ...]]:
    """Glyphs from font.txt: the character, then seven rows of five bits, the top one first."""
    lines = Path(__file__).with_name("font.txt").read_text().splitlines()
    font = {line[0]: tuple(int(row, 16) for row in line[2:].split()) for line in lines}
    return {" ": (0,) * _HEIGHT, **font}


_FONT = _read_font()


def lettering(text: str, width: int, *, lines: int = 3) -> NDArray[np.uint8]:
    """A text as a mask, wrapped to at most `lines` lines and cut short with three dots.

    Letters with accents lose them; what the font does not have is a box.

    Args:
        width: pixels there are.

    Returns:
        1 where a letter is, shape (height, width), uint8; the height follows from the text.
    """
    cell = max(2, width // 170)  # pixels
    margin = 3 * _STEP * cell // 2
    columns = max(8, (width - 2 * margin) // (_STEP * cell))
    wrapped = textwrap.wrap(
        _plain(text), columns, max_lines=lines, placeholder="...", break_long_words=True
    )
    mask = np.zeros((_LINE * cell * max(1, len(wrapped)), width), np.uint8)
    for number, line in enumerate(wrapped):
        for place, char in enumerate(line):
            glyph = np.kron(_glyph(char), np.ones((cell, cell), np.uint8))
            top, left = number * _LINE * cell, margin + place * _STEP * cell
            mask[top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
    return mask


def _plain(text: str) -> str:
    spaced = "".join(" " if char.isspace() else char for char in text)
    parts = unicodedata.normalize("NFKD", spaced)
    # Marks, joiners and control characters have no width of their own.
    return "".join(char for char in parts if unicodedata.category(char)[0] not in "MC")


def _glyph(char: str) -> NDArray[np.uint8]:
    rows = _FONT.get(char, _BOX)
    bits = [[row >> (_WIDTH - 1 - column) & 1 for column in range(_WIDTH)] for row in rows]
    return np.array(bits, np.uint8)
