"""The columns of fixed size of a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.columnar.state.arrays import grown
from streams.columnar.state.index import Mask, Numbers

Records = npt.NDArray[np.void]

_STORED: Mapping[pl.DataType, type[np.generic]] = {
    pl.Int8(): np.int8,
    pl.Int16(): np.int16,
    pl.Int32(): np.int32,
    pl.Int64(): np.int64,
    pl.UInt8(): np.uint8,
    pl.UInt16(): np.uint16,
    pl.UInt32(): np.uint32,
    pl.UInt64(): np.uint64,
    pl.Float32(): np.float32,
    pl.Float64(): np.float64,
    pl.Boolean(): np.bool_,
}
_NULLS = "nulls"
_WORD = 64  # bits


def is_fixed(dtype: pl.DataType) -> bool:
    """Whether a value is one number of at most eight bytes: no text, no list, no category."""
    number = dtype.is_integer() or dtype.is_float() or dtype.is_temporal() or dtype == pl.Boolean
    return number and _physical(dtype) in _STORED


class RecordColumns:
    """Values of fixed size, one record a slot: what a key has stands in two or three cache lines.

    A temporal value is stored as its integer. A record ends in a bit for each column that is null.

    Args:
        schema: columns for which [`is_fixed`][streams.columnar.state.records.is_fixed] holds.
    """

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._columns = [
            (name, dtype, _physical(dtype), str(number))
            for number, (name, dtype) in enumerate(schema.items())
        ]
        # A column's name may be anything; a field has its column's number.
        fields: list[tuple[str, object]] = [
            (field, _STORED[physical]) for _, _, physical, field in self._columns
        ]
        words = -(-len(self._columns) // _WORD)
        nulls = (_NULLS, np.dtype((np.uint64, (words,))))
        self.dtype = np.dtype([*fields, nulls], align=True)
        # As bytes: numpy copies records with fields one field at a time.
        self._bytes = np.dtype((np.void, self.dtype.itemsize))
        self._records = np.zeros(1, dtype=self._bytes)

    def reserve(self, slots: int) -> None:
        """Make room for slots below that number."""
        self._records = grown(self._records, slots)

    def take(self, slots: Numbers) -> Records:
        """Records of slots; anything for a negative one."""
        return self._records.take(slots).view(self.dtype)

    def put(self, slots: Numbers, records: Records) -> None:
        """Replace the records of slots."""
        self._records[slots] = records.view(self._bytes)

    def as_bytes(self, records: Records) -> pl.Series:
        """Each record as one binary."""
        content = records.view(np.uint8).reshape(len(records), self.dtype.itemsize)
        return pl.Series(content).cast(pl.List(pl.UInt8)).cast(pl.Binary)

    def of_bytes(self, binaries: pl.Series) -> Records:
        """The records that were such binaries."""
        return np.frombuffer(b"".join(binaries.to_list()), dtype=self.dtype)

    def records(self, rows: pl.DataFrame) -> Records:
        """Rows as records."""
        records = np.empty(rows.height, dtype=self.dtype)
        nulls = records[_NULLS]
        nulls[:] = 0
        for number, (name, dtype, physical, field) in enumerate(self._columns):
            values = rows[name]
            if dtype != physical:
                values = values.to_physical()
            if values.null_count():
                word, bit = divmod(number, _WORD)
                nulls[:, word] |= values.is_null().to_numpy().astype(np.uint64) << np.uint64(bit)
                values = values.fill_null(False if physical == pl.Boolean else 0)
            records[field] = values.to_numpy()
        return records

    def columns(self, records: Records, unknown: Mask | None = None) -> list[pl.Series]:
        """Records as columns.

        Args:
            unknown: where there is no record; everything is null there.
        """
        nulls = records[_NULLS]
        somewhere = np.bitwise_or.reduce(nulls, axis=0, initial=0).tolist()
        known = None if unknown is None else pl.Series(~unknown)
        found = []
        for number, (name, dtype, physical, field) in enumerate(self._columns):
            values = pl.Series(name, records[field])
            word, bit = divmod(number, _WORD)
            valid = known
            if somewhere[word] >> bit & 1:
                valid = pl.Series(nulls[:, word] >> np.uint64(bit) & np.uint64(1) == 0)
                valid = valid if known is None else valid & known
            if valid is not None:
                values = values.zip_with(valid, pl.Series([None], dtype=physical))
            found.append(values if dtype == physical else values.cast(dtype))
        return found


def _physical(dtype: pl.DataType) -> pl.DataType:
    return pl.Series([], dtype=dtype).to_physical().dtype
