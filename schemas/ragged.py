"""Rows of bytes of different lengths, put together from pieces, a column at a time.

NumPy copies *windows*: the same number of bytes for every row, from or to any address, at about
5 ns a row whatever the width. A piece that is shorter than its window leaves wrong bytes behind it.
Pieces are laid from left to right, so the next piece of the row overwrites them, and a gap behind
every row takes those of the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Lengths = npt.NDArray[Any]  # of integers
Mask = npt.NDArray[np.bool_]
Windows = npt.NDArray[np.void]

WIDEST = 128  # bytes of a window that may be wider than its row


class Constant(NamedTuple):
    """The same bytes in every row."""

    value: bytes

    @property
    def sizes(self) -> int:
        """Bytes per row."""
        return len(self.value)

    @property
    def window(self) -> int:
        """Bytes that `put` writes for a row."""
        return len(self.value)

    def put(self, data: Bytes, at: Integers) -> None:
        """Write row i from address `at[i]` on."""
        if self.value:
            _windows(data, self.window)[at] = np.void(self.value)

    def part(self, rows: slice) -> Constant:
        """Some of the rows."""
        return self

    def spread(self, there: Mask) -> Piece:
        """As part of more rows: of length zero where `there` is false."""
        return Padded(np.full(np.count_nonzero(there), np.void(self.value))).spread(there)


class Padded(NamedTuple):
    """Windows of which only the first bytes count.

    Attributes:
        items: dtype V(width), shape (rows,).
        lengths: how many bytes of each count; None when all do.
    """

    items: Windows
    lengths: Lengths | None = None

    @property
    def sizes(self) -> Lengths | int:
        """Bytes per row."""
        return self.window if self.lengths is None else self.lengths

    @property
    def window(self) -> int:
        """Bytes that `put` writes for a row."""
        return self.items.itemsize

    def put(self, data: Bytes, at: Integers) -> None:
        """Write row i from address `at[i]` on."""
        _windows(data, self.window)[at] = self.items

    def part(self, rows: slice) -> Padded:
        """Some of the rows."""
        return Padded(self.items[rows], None if self.lengths is None else self.lengths[rows])

    def spread(self, there: Mask) -> Padded:
        """As part of more rows: of length zero where `there` is false."""
        items = np.zeros(len(there), dtype=self.items.dtype)
        items[there] = self.items
        return Padded(items, _spread(self.sizes, there))


class Ragged(NamedTuple):
    """Bytes anywhere in a buffer.

    Attributes:
        data: the bytes of row i are `data[starts[i] : starts[i] + lengths[i]]`.
        starts: shape (rows,).
        lengths: bytes per row, shape (rows,).
    """

    data: Bytes
    starts: Integers
    lengths: Integers

    @property
    def sizes(self) -> Integers:
        """Bytes per row."""
        return self.lengths

    @property
    def window(self) -> int:
        """Bytes that `put` writes for a row; 0 when it writes no more than the row has."""
        longest = int(self.lengths.max(initial=0))
        return longest if longest <= WIDEST else 0

    def put(self, data: Bytes, at: Integers) -> None:
        """Write row i from address `at[i]` on."""
        if not (width := self.window):
            self._put_exactly(data, at)
            return
        source = self.data
        if int(self.starts.max()) + width > len(source):
            source = np.append(source, np.zeros(width, dtype=np.uint8))
        _windows(data, width)[at] = _windows(source, width)[self.starts]

    def part(self, rows: slice) -> Ragged:
        """Some of the rows."""
        return Ragged(self.data, self.starts[rows], self.lengths[rows])

    def spread(self, there: Mask) -> Ragged:
        """As part of more rows: of length zero where `there` is false."""
        return Ragged(self.data, _spread(self.starts, there), _spread(self.lengths, there))

    def packed(self) -> Ragged:
        """The same rows, each right behind the one before."""
        starts = np.cumsum(self.lengths) - self.lengths
        data = np.empty(int(self.lengths.sum()), dtype=np.uint8)
        self._put_exactly(data, starts)
        return Ragged(data, starts, self.lengths)

    def to_list(self) -> list[bytes]:
        """Each row as bytes of its own."""
        data = self.data.tobytes()
        ends = (self.starts + self.lengths).tolist()
        return [data[start:end] for start, end in zip(self.starts.tolist(), ends, strict=True)]

    def _put_exactly(self, data: Bytes, at: Integers) -> None:
        """Write no byte behind a row.

        Two windows cover a row, one from its start and one up to its end: as wide as the greatest
        power of two that fits, so that they meet or overlap.
        """
        powers = np.frexp(self.lengths)[1] - 1  # -1 where there is nothing
        for power in np.unique(powers[powers >= 0]).tolist():
            width = 1 << power
            rows = np.flatnonzero(powers == power)
            source, target = _windows(self.data, width), _windows(data, width)
            first, there = self.starts[rows], at[rows]
            to_end = self.lengths[rows] - width
            target[there] = source[first]
            target[there + to_end] = source[first + to_end]


Piece = Constant | Padded | Ragged


def ragged(data: Bytes, lengths: Lengths) -> Ragged:
    """Rows that stand one right behind the other in `data`."""
    lengths = lengths.astype(np.int64, copy=False)
    return Ragged(data, np.cumsum(lengths) - lengths, lengths)


def lay(pieces: Sequence[Piece], count: int) -> Ragged:
    """Concatenate the pieces row by row; `count` is the number of rows."""
    pieces = list(_runs(pieces, count))
    lengths = np.zeros(count, dtype=np.int64)
    for piece in pieces:
        lengths += piece.sizes
    gap = max((piece.window for piece in pieces), default=0)
    starts = np.cumsum(lengths + gap) - lengths - gap
    data = np.empty(int(lengths.sum()) + count * gap, dtype=np.uint8)
    at = starts.copy()
    for piece in pieces:
        piece.put(data, at)
        at += piece.sizes
    return Ragged(data, starts, lengths)


def _runs(pieces: Iterable[Piece], count: int) -> Iterator[Piece]:
    """The same pieces, with neighbours of fixed width in one."""
    for fixed, group in groupby(_constants_joined(pieces), _is_fixed):
        run = list(group)
        if fixed and len(run) > 1:
            yield _side_by_side(run, count)
        else:
            yield from run


def _constants_joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for constant, group in groupby(pieces, lambda piece: isinstance(piece, Constant)):
        if constant:
            yield Constant(b"".join(piece.value for piece in group))  # type: ignore[union-attr]
        else:
            yield from group


def _is_fixed(piece: Piece) -> bool:
    return isinstance(piece.sizes, int)


def _side_by_side(pieces: Sequence[Piece], count: int) -> Padded:
    fields = [(str(at), f"V{piece.window}") for at, piece in enumerate(pieces)]
    joined = np.empty(count, dtype=fields)
    for at, piece in enumerate(pieces):
        match piece:
            case Constant(value):
                joined[str(at)] = np.void(value)
            case Padded(items):
                joined[str(at)] = items
    return Padded(joined.view(f"V{joined.itemsize}"))


def _spread(values: Lengths | int, there: Mask) -> Integers:
    spread = np.zeros(len(there), dtype=np.int64)
    spread[there] = values
    return spread


def _windows(data: Bytes, width: int) -> Windows:
    """The window at every address of the data: they overlap."""
    count = max(0, len(data) - width + 1)
    return np.ndarray((count,), dtype=f"V{width}", buffer=data, strides=(1,))
