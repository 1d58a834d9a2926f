"""State of a partition: one row per key.

Every key has a slot, and a column is an array by slot, so that reading and writing cost what the
chunk's keys cost and not what the state costs. What has changed since the last flush is a mark at
the slot. Rows of keys that have been quiet for long can be parked on disk: that changes nothing but
where they stand.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from streams.columnar.state.arrays import grown
from streams.columnar.state.index import Mask, Numbers
from streams.columnar.state.logs import LogColumn
from streams.columnar.state.parked import ParkedRows
from streams.columnar.state.quiet import LastSeen, Parking, Times
from streams.columnar.state.records import RecordColumns, is_fixed
from streams.columnar.state.slots import Hashing, KeySlots, hashes_of
from streams.columnar.state.texts import TextColumn

_RECORD = "record of numbers"  # no field of a schema has such a name
_PARKED_AT_ONCE = 50_000  # rows; less than a tenth of a second
_SPARSE = 100_000  # slots


class KeyedTable:
    """Rows by key.

    Args:
        schema: columns of a row.
        key: name of the key column, a String.
        parking: when to park rows; None is never.
        hashing: a 64-bit hash of each key.
    """

    def __init__(
        self,
        schema: pl.Schema,
        key: str,
        parking: Parking | None = None,
        *,
        hashing: Hashing = hashes_of,
    ) -> None:
        self.schema = schema
        self._no_rows = schema.to_frame()
        self._key = key
        self._hashing = hashing
        rest = {name: dtype for name, dtype in schema.items() if name != key}
        self._fixed = {name: dtype for name, dtype in rest.items() if is_fixed(dtype)}
        self._other = {name: dtype for name, dtype in rest.items() if name not in self._fixed}
        self._parked: ParkedRows | None = None
        self._last_seen: LastSeen | None = None
        if parking is not None:
            stored = pl.Schema({key: pl.String(), _RECORD: pl.Binary(), **self._other})
            self._parked = ParkedRows(stored, key, hashing, parking.folder)
            self._last_seen = LastSeen(parking.after_ms)
        self._begin()

    def _begin(self) -> None:
        """Empty columns."""
        self._slots = KeySlots(self._key, self._hashing)
        self._records = RecordColumns(self._fixed)
        self._columns: list[TextColumn | LogColumn] = [
            (TextColumn if dtype in (pl.String, pl.Binary) else LogColumn)(name, dtype)
            for name, dtype in self._other.items()
        ]
        self._changed: Mask = np.zeros(1, dtype=np.bool_)
        self._sent: Mask = np.zeros(1, dtype=np.bool_)  # and not acknowledged yet
        self._changed_rows = 0
        self._looked_up: Numbers | None = None  # slots of keys of which none is parked
        if self._last_seen is not None:
            self._last_seen.clear()

    def __len__(self) -> int:
        return len(self._slots) + self.parked_rows

    @property
    def parked_rows(self) -> int:
        """Keys whose rows are parked."""
        return 0 if self._parked is None else len(self._parked)

    @property
    def changed_rows(self) -> int:
        """Keys whose rows have changed since the last flush."""
        return self._changed_rows

    def slots(self, keys: pl.Series) -> Numbers:
        """A number for each key that has a row, negative for the others.

        Numbers are small and given out in order; a key keeps its own as long as nothing is parked.
        """
        return self._found(keys)

    def take(self, keys: pl.Series | list[str]) -> pl.DataFrame:
        """One row for each of the distinct keys, in their order.

        All but the key is null without a row. What was parked is so no longer.

        Raises:
            OSError: parked rows cannot be read.
        """
        wanted = pl.Series(self._key, keys, dtype=pl.String)
        return self._rows(wanted, self._found(wanted))

    def put(
        self, rows: pl.DataFrame, *, changed: bool = True, at: int | Times | None = None
    ) -> None:
        """Replace or add rows, one per key.

        Args:
            changed: whether the next flush shall take them; no for rows that were just restored.
            at: the log's time of the keys' last events, in milliseconds: one for all, which is
                the time from here on, or one each. None is as before.

        Raises:
            OSError: parked rows cannot be read.
            ValueError: a new key comes twice.
        """
        keys = rows[self._key]
        slots = self._found(keys)
        unknown = slots < 0
        if unknown.any():
            slots[unknown] = self._added(keys.filter(pl.Series(unknown)))
        self._records.put(slots, self._records.records(rows))
        for column in self._columns:
            column.put(slots, rows[column.name])
        if changed:
            self._changed_rows += len(slots) - int(np.count_nonzero(self._changed[slots]))
            self._changed[slots] = True
        if self._last_seen is not None:
            self._last_seen.note(slots, at)

    def reach(self, time: int) -> None:
        """The log's time is at least this, in milliseconds."""
        if self._last_seen is not None:
            self._last_seen.begin(time)

    def take_changed(self) -> pl.DataFrame:
        """Newest rows of the keys that changed since the last call."""
        if not self._changed_rows:
            return self._no_rows
        slots = np.flatnonzero(self._changed)
        self._changed[slots] = False
        self._sent[slots] = True
        self._changed_rows = 0
        return self._rows(self._slots.keys(slots), slots)

    def acknowledged(self) -> None:
        """All that was taken as changed so far is where it can be restored from."""
        self._sent[:] = False

    def park(self, most: int = _PARKED_AT_ONCE) -> int:
        """Park rows of quiet keys that have not changed and were acknowledged.

        Returns:
            How many; at most `most`.

        Raises:
            OSError: they cannot be written; every row is where it was, or parked.
        """
        if self._parked is None or self._last_seen is None:
            return 0
        slots = self._last_seen.quiet(self._changed | self._sent, most)
        if len(slots):
            self._parked.put(self._stored(slots))
            self._slots.release(slots)
            for column in self._columns:
                column.clear(slots)
            self._last_seen.forget(slots)
            self._looked_up = None
            self._shrink()
            self._parked.tidy()
        return len(slots)

    def all(self) -> pl.DataFrame:
        """Every row, in any order; parked ones stay so."""
        slots = self._slots.used()
        rows = self._rows(self._slots.keys(slots), slots)
        if self._parked is None:
            return rows
        parked = self._parked.all()
        numbers = self._records.columns(self._records.of_bytes(parked[_RECORD]))
        return pl.concat([rows, parked.with_columns(numbers).select(self.schema.names())])

    def close(self) -> None:
        """Give up what is parked; the table is of no use any more."""
        if self._parked is not None:
            self._parked.close()

    def _found(self, keys: pl.Series) -> Numbers:
        """The slots of keys, negative without a row; what was parked has one then."""
        slots = self._slots.find(keys)
        if self._parked is not None and slots is not self._looked_up:
            if len(self._parked):
                self._unpark(keys, slots)
            self._looked_up = slots
        return slots

    def _unpark(self, keys: pl.Series, slots: Numbers) -> None:
        """Give slots to those of the keys that are parked."""
        assert self._parked is not None
        unknown = np.flatnonzero(slots < 0)
        at, rows = self._parked.take(keys.gather(unknown))
        if len(at):
            slots[unknown[at]] = self._restore(rows)

    def _added(self, keys: pl.Series) -> Numbers:
        """Slots for new keys."""
        slots = self._slots.add(keys)
        end = self._slots.end
        for column in (self._records, *self._columns):
            column.reserve(end)
        self._changed, self._sent = grown(self._changed, end), grown(self._sent, end)
        if self._last_seen is not None:
            self._last_seen.reserve(end)
            self._last_seen.note(slots)
        return slots

    def _rows(self, keys: pl.Series, slots: Numbers) -> pl.DataFrame:
        unknown = slots < 0
        numbers = self._records.columns(
            self._records.take(slots), unknown if unknown.any() else None
        )
        columns = {
            self._key: keys,
            **{values.name: values for values in numbers},
            **{column.name: column.take(slots) for column in self._columns},
        }
        return pl.DataFrame([columns[name] for name in self.schema])

    def _stored(self, slots: Numbers) -> pl.DataFrame:
        """Rows as they are parked: what has a fixed size is one value, as it stands."""
        record = self._records.as_bytes(self._records.take(slots)).alias(_RECORD)
        others = [column.take(slots) for column in self._columns]
        return pl.DataFrame([self._slots.keys(slots), record, *others])

    def _restore(self, rows: pl.DataFrame) -> Numbers:
        """Slots for rows that were parked."""
        slots = self._added(rows[self._key])
        self._records.put(slots, self._records.of_bytes(rows[_RECORD]))
        for column in self._columns:
            column.put(slots, rows[column.name])
        return slots

    def _shrink(self) -> None:
        """Begin with smaller columns when most slots are free."""
        if self._slots.end < _SPARSE or len(self._slots) * 4 > self._slots.end:
            return
        assert self._last_seen is not None
        slots = self._slots.used()
        rows, seen = self._stored(slots), self._last_seen.of(slots)
        changed, sent = self._changed[slots], self._sent[slots]
        count = self._changed_rows
        self._begin()
        slots = self._restore(rows)
        self._changed[slots], self._sent[slots] = changed, sent
        self._changed_rows = count
        self._last_seen.note(slots, seen)
