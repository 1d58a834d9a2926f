"""State of a partition: one row per key, in frames.

Built like a log-structured store. Rows are never changed: `put` adds a frame of new rows, an index
says where each key's newest row stands, and frames are merged when there are many. So any column
type will do, reading and writing cost what the chunk's keys cost and not what the state costs,
and what has changed since the last flush is simply the frames added since.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

_MAX_SEGMENTS = 8
_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1
_NOWHERE = -1


class KeyedTable:
    """Rows by key.

    Args:
        schema: columns of a row.
        key: name of the key column, a String.
    """

    def __init__(self, schema: pl.Schema, key: str) -> None:
        self.schema = schema
        self._key = key
        self._empty = pl.DataFrame(schema=schema)
        self._binary = [name for name, dtype in schema.items() if dtype == pl.Binary]
        self._segments: dict[int, pl.DataFrame] = {}
        self._changed: list[int] = []  # segments that no flush has taken yet
        self._next = 0
        self._where: dict[str, int] = {}  # segment and row in one integer

    def __len__(self) -> int:
        return len(self._where)

    def take(self, keys: list[str]) -> pl.DataFrame:
        """One row for each of the keys, in their order; all but the key is null without a row."""
        places = np.array([self._where.get(key, _NOWHERE) for key in keys], dtype=np.int64)
        segments = places >> _ROW_BITS
        parts: list[pl.DataFrame] = []
        order: list[npt.NDArray[np.intp]] = []
        for segment in np.unique(segments).tolist():
            at = np.flatnonzero(segments == segment)
            order.append(at)
            if segment < 0:
                parts.append(self._empty.clear(len(at)))
            else:
                parts.append(self._segments[segment][places[at] & _ROW_MASK])
        if not parts:
            return self._empty
        rows = parts[0]
        if len(parts) > 1:
            rows = pl.concat(parts)[np.argsort(np.concatenate(order))]
        return rows.with_columns(pl.Series(self._key, keys, dtype=pl.String))

    def put(self, rows: pl.DataFrame, *, changed: bool = True) -> None:
        """Replace or add rows, one per key.

        Args:
            changed: whether the next flush shall take them; no for rows that were just restored.
        """
        if rows.is_empty():
            return
        segment = self._add(rows.select(self.schema.names()))
        if changed:
            self._changed.append(segment)
        elif len(self._segments) - len(self._changed) > _MAX_SEGMENTS:
            self._merge()

    @property
    def changed_rows(self) -> int:
        """Rows added since the last flush; a key that changed twice counts twice."""
        return sum(self._segments[segment].height for segment in self._changed)

    def take_changed(self) -> pl.DataFrame:
        """Newest rows of the keys that changed since the last call."""
        if not self._changed:
            return self._empty
        frames = [self._segments.pop(segment) for segment in self._changed]
        self._changed = []
        rows = frames[0]
        if len(frames) > 1:
            rows = pl.concat(frames).unique(self._key, keep="last", maintain_order=True)
        self._add(rows)
        if len(self._segments) > _MAX_SEGMENTS:
            self._merge()
        return rows

    def all(self) -> pl.DataFrame:
        """Every row, in any order."""
        return self.take(list(self._where))

    def _add(self, rows: pl.DataFrame) -> int:
        segment, self._next = self._next, self._next + 1
        self._segments[segment] = rows
        first = segment << _ROW_BITS
        self._where.update(
            zip(rows[self._key].to_list(), range(first, first + rows.height), strict=True)
        )
        return segment

    def _merge(self) -> None:
        """Merge the smaller unchanged segments, so that few remain and each row is moved seldom."""
        unchanged = sorted(
            self._segments.keys() - set(self._changed),
            key=lambda segment: self._segments[segment].height,
        )
        merged = unchanged[: max(2, len(unchanged) - 2)]
        live = [self._live(segment) for segment in merged]
        for segment in merged:
            del self._segments[segment]
        # Binaries are views: without a copy they keep the bytes of all that was left out, too.
        copied = pl.col(self._binary).cast(pl.List(pl.UInt8)).cast(pl.Binary)
        self._add(pl.concat(live).with_columns(copied))

    def _live(self, segment: int) -> pl.DataFrame:
        """Rows of a segment that no newer segment has replaced."""
        frame = self._segments[segment]
        places = np.fromiter(
            map(self._where.__getitem__, frame[self._key].to_list()),
            dtype=np.int64,
            count=frame.height,
        )
        alive: npt.NDArray[np.bool_] = (places >> _ROW_BITS) == segment
        return frame if alive.all() else frame.filter(pl.Series(alive))
