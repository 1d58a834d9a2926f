"""Rows that nobody has asked for in a long time, in scratch files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl

from streams.columnar.state.index import Hashes, HashIndex, Mask, Numbers
from streams.columnar.state.segment import Piece, Segment
from streams.columnar.state.slots import Hashing

_ROW_BITS = 18
_ROWS = 1 << _ROW_BITS  # of a segment
_BYTES = 1 << 31  # of a segment
_PIECE = 1 << 15  # rows that are written at once
_MERGED = 4  # segments


class ParkedRows:
    """Rows by key on disk, found through an index in memory; together some 20 bytes a row.

    A row is looked up by the hash of its key, and is the wanted one only if its key is; so what is
    not here costs no access to the disk. Rows stand in segments. Four of about one size become one,
    and those of which less than half is left too: a row is moved a few times, and few files are
    open.

    Args:
        schema: columns of a row.
        key: name of the key column, a String.
        hashing: a 64-bit hash of each key.
        folder: where the files lie; it exists.
    """

    def __init__(self, schema: pl.Schema, key: str, hashing: Hashing, folder: Path) -> None:
        self._schema = schema
        self._key = key
        self._hashing = hashing
        self._folder = folder
        self._segments: dict[int, Segment] = {}
        self._index = HashIndex(self._hashes_of)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, rows: pl.DataFrame) -> None:
        """Add rows whose keys are not here.

        Raises:
            OSError: they cannot be written; none of them is here then.
        """
        size = max(rows.estimated_size(), 1)
        written = []
        for part in rows.iter_slices(max(1, min(_ROWS, int(_BYTES * rows.height / size)))):
            hashes = self._hashing(part[self._key])
            written.append((self._written(_pieces(part, hashes)), hashes))
        for segment, hashes in written:
            self._add(segment, hashes)
            self._count += len(segment)

    def take(self, keys: pl.Series) -> tuple[Numbers, pl.DataFrame]:
        """Which of the keys are here, and their rows; they leave.

        Raises:
            OSError: they cannot be read.
        """
        at = [np.empty(0, dtype=np.int64)]
        numbers = [np.empty(0, dtype=np.int64)]
        rows = [pl.DataFrame(schema=self._schema)]

        def same(some: Numbers, candidates: Numbers) -> Mask:
            read = self._read(candidates)
            right = read[self._key] == keys.gather(some)
            mask = right.to_numpy()
            at.append(some[mask])
            numbers.append(candidates[mask])
            rows.append(read.filter(right))
            return mask

        hashes = self._hashing(keys)
        self._index.find(hashes, same)
        found = np.concatenate(at)
        self._leave(hashes[found], np.concatenate(numbers))
        return found, pl.concat(rows, rechunk=True)

    def all(self) -> pl.DataFrame:
        """Every row; they stay."""
        pieces = (rows for part in self._segments.values() for rows, _ in part.alive_pieces())
        return pl.concat([pl.DataFrame(schema=self._schema), *pieces])

    def tidy(self) -> None:
        """Write some segments anew as one, where it is worth it.

        Raises:
            OSError: they cannot be written; nothing has changed then.
        """
        sparse: list[int] = []
        tiers: dict[int, list[int]] = {}
        for number, segment in list(self._segments.items()):
            alive = int(np.count_nonzero(segment.alive))
            if not alive:
                self._segments.pop(number).close()
            elif 2 * alive < len(segment):
                sparse.append(number)
            else:
                # Powers of four, so that what has become one is of the next.
                tiers.setdefault((alive.bit_length() - 1) // 2, []).append(number)
        if sparse:
            self._merge(self._fitting(sparse))
            return
        for numbers in tiers.values():
            group = self._fitting(numbers)
            if len(group) >= _MERGED:
                self._merge(group)
                return

    def _fitting(self, numbers: list[int]) -> list[int]:
        """The first of the segments: one, or as many as one could hold."""
        segments = [self._segments[number] for number in numbers]
        rows = np.cumsum([np.count_nonzero(segment.alive) for segment in segments])
        size = np.cumsum([segment.size for segment in segments])
        fit = int(np.count_nonzero((rows <= _ROWS) & (size <= _BYTES)))
        return numbers[: max(fit, 1)]

    def close(self) -> None:
        """Give the files up."""
        for segment in self._segments.values():
            segment.close()
        self._segments = {}

    def _merge(self, group: list[int]) -> None:
        """Write what is alive of the segments as one."""
        old = [self._segments[number] for number in group]
        alive = [np.flatnonzero(segment.alive) for segment in old]
        hashes = [segment.hashes()[rows] for segment, rows in zip(old, alive, strict=True)]
        merged = self._written(piece for segment in old for piece in _alive(segment))
        gone = [(number << _ROW_BITS) + rows for number, rows in zip(group, alive, strict=True)]
        self._index.remove(np.concatenate(hashes), np.concatenate(gone))
        for number in group:
            self._segments.pop(number).close()
        self._add(merged, np.concatenate(hashes))

    def _written(self, pieces: Iterable[Piece]) -> Segment:
        return Segment(self._folder, self._schema, pieces)

    def _add(self, segment: Segment, hashes: Hashes) -> None:
        number = next(number for number in count() if number not in self._segments)
        first = number << _ROW_BITS
        # The index asks for the hashes of what it holds when it grows: the new is not in it yet.
        self._index.add(hashes, np.arange(first, first + len(segment)))
        self._segments[number] = segment

    def _read(self, numbers: Numbers) -> pl.DataFrame:
        """Rows in the order of their numbers."""
        owners = numbers >> _ROW_BITS
        order = [np.flatnonzero(owners == owner) for owner in np.unique(owners)]
        parts = [self._segments[int(owners[at[0]])].read(numbers[at] & (_ROWS - 1)) for at in order]
        if not parts:
            return pl.DataFrame(schema=self._schema)
        return pl.concat(parts, rechunk=True)[np.argsort(np.concatenate(order))]

    def _leave(self, hashes: Hashes, numbers: Numbers) -> None:
        self._index.remove(hashes, numbers)
        self._count -= len(numbers)
        owners = numbers >> _ROW_BITS
        for owner in np.unique(owners).tolist():
            self._segments[owner].alive[numbers[owners == owner] & (_ROWS - 1)] = False

    def _hashes_of(self, numbers: Numbers) -> Hashes:
        hashes = np.empty(len(numbers), dtype=np.uint64)
        owners = numbers >> _ROW_BITS
        for owner, segment in self._segments.items():
            at = np.flatnonzero(owners == owner)
            hashes[at] = segment.hashes()[numbers[at] & (_ROWS - 1)]
        return hashes


def _pieces(rows: pl.DataFrame, hashes: Hashes) -> Iterator[Piece]:
    for first in range(0, rows.height, _PIECE):
        yield rows[first : first + _PIECE], hashes[first : first + _PIECE]


def _alive(segment: Segment) -> Iterator[Piece]:
    hashes = segment.hashes()
    for rows, numbers in segment.alive_pieces():
        yield rows, hashes[numbers]
