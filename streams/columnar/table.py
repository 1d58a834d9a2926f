"""State of a partition: one row per key.

Every key has a slot, and a column is an array by slot, so that reading and writing cost what the
chunk's keys cost and not what the state costs. What has changed since the last flush is a mark at
the slot.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.columnar.arrays import grown
from streams.columnar.index import Numbers
from streams.columnar.logs import LogColumn
from streams.columnar.records import RecordColumns, is_fixed
from streams.columnar.slots import Hashing, KeySlots, hashes_of
from streams.columnar.texts import TextColumn


class KeyedTable:
    """Rows by key.

    Args:
        schema: columns of a row.
        key: name of the key column, a String.
        hashing: a 64-bit hash of each key.
    """

    def __init__(self, schema: pl.Schema, key: str, *, hashing: Hashing = hashes_of) -> None:
        self.schema = schema
        self._key = key
        rest = {name: dtype for name, dtype in schema.items() if name != key}
        fixed = {name: dtype for name, dtype in rest.items() if is_fixed(dtype)}
        self._slots = KeySlots(key, hashing)
        self._fixed = RecordColumns(fixed)
        self._variable: list[TextColumn | LogColumn] = [
            (TextColumn if dtype in (pl.String, pl.Binary) else LogColumn)(name, dtype)
            for name, dtype in rest.items()
            if name not in fixed
        ]
        self._changed: npt.NDArray[np.bool_] = np.zeros(1, dtype=np.bool_)
        self._changed_rows = 0

    def __len__(self) -> int:
        return len(self._slots)

    def take(self, keys: pl.Series | list[str]) -> pl.DataFrame:
        """One row for each of the distinct keys, in their order.

        All but the key is null without a row.
        """
        wanted = pl.Series(self._key, keys, dtype=pl.String)
        return self._rows(wanted, self._slots.find(wanted))

    def put(self, rows: pl.DataFrame, *, changed: bool = True) -> None:
        """Replace or add rows, one per key.

        Args:
            changed: whether the next flush shall take them; no for rows that were just restored.

        Raises:
            ValueError: a new key comes twice.
        """
        slots = self._placed(rows[self._key])
        self._fixed.put(slots, self._fixed.records(rows))
        for column in self._variable:
            column.put(slots, rows[column.name])
        if changed:
            self._changed_rows += len(slots) - int(np.count_nonzero(self._changed[slots]))
            self._changed[slots] = True

    @property
    def changed_rows(self) -> int:
        """Keys whose rows have changed since the last flush."""
        return self._changed_rows

    def take_changed(self) -> pl.DataFrame:
        """Newest rows of the keys that changed since the last call."""
        slots = np.flatnonzero(self._changed)
        self._changed[slots] = False
        self._changed_rows = 0
        return self._rows(self._slots.keys(slots), slots)

    def all(self) -> pl.DataFrame:
        """Every row, in any order."""
        slots = np.arange(self._slots.end)
        return self._rows(self._slots.keys(slots), slots)

    def _placed(self, keys: pl.Series) -> Numbers:
        """The slots of keys; new keys get one."""
        slots = self._slots.find(keys)
        unknown = slots < 0
        if unknown.any():
            slots[unknown] = self._slots.add(keys.filter(pl.Series(unknown)))
            self._fixed.reserve(self._slots.end)
            for column in self._variable:
                column.reserve(self._slots.end)
            self._changed = grown(self._changed, self._slots.end)
        return slots

    def _rows(self, keys: pl.Series, slots: Numbers) -> pl.DataFrame:
        unknown = slots < 0
        fixed = self._fixed.columns(self._fixed.take(slots), unknown if unknown.any() else None)
        columns = {
            self._key: keys,
            **{values.name: values for values in fixed},
            **{column.name: column.take(slots) for column in self._variable},
        }
        return pl.DataFrame([columns[name] for name in self.schema])
