"""HyperLogLog sketches as a column: how many distinct values each of many keys has seen.

A sketch has 2048 registers. A value's hash picks one of them (by its upper 11 bits) and has a rank
(one more than the trailing zeros of its lower 30 bits, 1 to 31); the register keeps the highest.
The relative standard error of the estimate is 1.04 / sqrt(2048) = 2.3 %.

A sketch is a cell of a Binary column. Equal sets of values give equal bytes, whatever their order,
their repeats, and the chunks they came in:

* sparse, while fewer than 1024 registers are in use: `register << 5 | rank` of each, as two
  little-endian bytes, in rising order;
* dense from then on: the rank of every register, a byte each;
* empty, or null: no values.

Sources: Flajolet, Fusy, Gandouet, Meunier: HyperLogLog, AofA 2007; the estimator is algorithm 6 of
Ertl: New cardinality estimation algorithms for HyperLogLog sketches, arXiv:1702.01284, 2017.
"""

from __future__ import annotations

from math import inf, log, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.columnar.murmur import hashes

REGISTERS = 2048
STANDARD_ERROR = 1.04 / sqrt(REGISTERS)  # relative

_INDEX_SHIFT = np.uint64(64 - 11)
_RANK_BITS = 5
_RANK = (1 << _RANK_BITS) - 1  # the rank's bits in a code, and the highest rank
_SENTINEL = np.uint64(1 << (_RANK - 1))
_ONE = np.uint64(1)

_CODE = np.dtype("<u2")  # register and rank, as in a sparse sketch
_CODE_BITS = 16

Rows = npt.NDArray[Any]  # of any integer type
Codes = npt.NDArray[np.uint16]
Keys = npt.NDArray[Any]  # row << 16 | code; 32 bits where they are enough, else 64
Sizes = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


class _Grown(NamedTuple):
    """Sketches that have become others: their rows, and what they are now."""

    rows: Rows
    cells: pl.Series


def added(sketches: pl.Series, row: Rows, values: pl.Series) -> pl.Series:
    """The sketches with some values more.

    Args:
        sketches: Binary, shape (sketches,).
        row: which of the sketches each value goes into, shape (values,).
        values: String, shape (values,); nulls are passed over.

    Returns:
        Binary, shape (sketches,). A sketch that none of the values changes stays as it is.
    """
    if values.null_count():
        there = values.is_not_null()
        row, values = row[there.to_numpy()], values.filter(there)
    return _with_codes(sketches, row, _codes(values))


def united(sketches: pl.Series, row: Rows, others: pl.Series) -> pl.Series:
    """The sketches with all the values of other sketches.

    Args:
        sketches: Binary, shape (sketches,).
        row: which of the sketches each of the others goes into, shape (others,).
        others: Binary, shape (others,).

    Returns:
        Binary, shape (sketches,).
    """
    other, codes = _spread(others)
    return _with_codes(sketches, row[other], codes)


def estimated(sketches: pl.Series) -> Numbers:
    """How many distinct values each sketch has seen.

    Args:
        sketches: Binary, shape (sketches,).
    """
    row, codes = _spread(sketches)
    rank = codes & _RANK
    count = len(sketches)
    used = np.bincount(row, minlength=count)
    highest = np.bincount(row[rank == _RANK], minlength=count)
    # Powers of two, of which no sum here loses a bit: the order of the registers does not matter.
    ranks = np.bincount(row, weights=_WEIGHTS[rank], minlength=count)
    indicator = ranks + _TAU[highest] + _SIGMA[REGISTERS - used]
    estimate: Numbers = REGISTERS**2 / (2 * log(2)) / indicator
    return estimate


def _codes(values: pl.Series) -> Codes:
    found = hashes(values)
    low = found | _SENTINEL
    rank = np.bitwise_count(~low & (low - _ONE)).astype(np.uint16) + np.uint16(1)
    index = (found >> _INDEX_SHIFT).astype(np.uint16)
    return index << np.uint16(_RANK_BITS) | rank


def _with_codes(sketches: pl.Series, row: Rows, codes: Codes) -> pl.Series:
    sizes = _sizes(sketches)
    dense = (sizes == REGISTERS)[row]
    sparse = ~dense
    grown = []
    if dense.any():
        grown.append(_raised(sketches, sizes, row[dense], codes[dense]))
    if sparse.any():
        grown.append(_merged(sketches, sizes, row[sparse], codes[sparse]))
    for rows, cells in grown:
        sketches = sketches.clone().scatter(rows, cells)
    return sketches


def _raised(sketches: pl.Series, sizes: Sizes, row: Rows, codes: Codes) -> _Grown:
    """Of the dense sketches, those with a register that a code raises."""
    dense = sizes == REGISTERS
    rows, slot = np.flatnonzero(dense), np.cumsum(dense) - 1
    registers = _bytes(sketches[rows])
    at = slot[row] * REGISTERS + (codes >> _RANK_BITS)
    rank = (codes & _RANK).astype(np.uint8)
    # Hardly any: most registers of a popular sketch are high already.
    higher = np.flatnonzero(rank > registers[at])
    at = at[higher]
    registers = registers.copy()
    np.maximum.at(registers, at, rank[higher])
    changed = np.unique(at // REGISTERS)
    return _Grown(rows[changed], _dense(registers.reshape(-1, REGISTERS)[changed]))


def _merged(sketches: pl.Series, sizes: Sizes, row: Rows, codes: Codes) -> _Grown:
    """Of the sparse sketches, those that a code changes."""
    keys = _highest(_heads(row, len(sketches)) | codes)
    heads = keys >> _CODE_BITS
    first = np.append(True, heads[1:] != heads[:-1])
    rows, place = heads[first], np.cumsum(first) - 1
    counts = sizes[rows] // _CODE.itemsize
    known = _bytes(sketches[rows[counts > 0]]).view(_CODE)
    known_keys = np.repeat(_heads(rows, len(sketches)), counts) | known
    at = np.searchsorted(known_keys, keys & ~keys.dtype.type(_RANK))
    found = np.append(known_keys, ~keys.dtype.type(0))[at]
    new = found ^ keys > _RANK
    higher = (keys > found) & ~new
    known = known.copy()
    known[at[higher]] = keys[higher].astype(_CODE)
    known = np.insert(known, at[new], keys[new].astype(_CODE))
    counts += np.bincount(place[new], minlength=len(rows))
    changed = np.zeros(len(rows), dtype=np.bool_)
    changed[place[new | higher]] = True
    return _Grown(rows[changed], _cells(known, counts).filter(pl.Series(changed)))


def _heads(row: Rows, count: int) -> Keys:
    """Keys without their codes. The greatest number is none: it can stand behind all keys."""
    kind = np.dtype(np.uint32 if count < 1 << _CODE_BITS else np.uint64)
    heads: Keys = np.left_shift(row.astype(kind), _CODE_BITS)
    return heads


def _highest(keys: Keys) -> Keys:
    """Of each row and register the highest rank, in rising order."""
    keys = np.sort(keys)
    last: Flags = np.append(keys[1:] ^ keys[:-1] > _RANK, True)
    return keys[last]


def _cells(codes: Codes, counts: Sizes) -> pl.Series:
    """Sketches of so many registers each, from the registers of all."""
    sizes = counts * _CODE.itemsize
    starts = np.cumsum(sizes) - sizes
    crowded = sizes >= REGISTERS
    data = pl.Series([codes.tobytes()], dtype=pl.Binary)
    slices = pl.lit(data).bin.slice(pl.Series(starts), pl.Series(sizes))
    cells = pl.select(slices).to_series()
    if not crowded.any():
        return cells
    rows = np.flatnonzero(crowded)
    codes = codes[np.repeat(crowded, counts)]
    registers = np.zeros((len(rows), REGISTERS), dtype=np.uint8)
    registers[np.repeat(np.arange(len(rows)), counts[rows]), codes >> _RANK_BITS] = codes & _RANK
    return cells.scatter(rows, _dense(registers))


def _dense(registers: Bytes) -> pl.Series:
    return pl.Series([sketch.tobytes() for sketch in registers], dtype=pl.Binary)


def _spread(sketches: pl.Series) -> tuple[Rows, Codes]:
    """Row and code of every register in use, of all sketches."""
    sizes = _sizes(sketches)
    dense = sizes == REGISTERS
    rows, sparse_rows = np.flatnonzero(dense), np.flatnonzero(~dense & (sizes > 0))
    slot, index = np.nonzero(registers := _bytes(sketches[rows]).reshape(-1, REGISTERS))
    codes = index.astype(np.uint16) << np.uint16(_RANK_BITS) | registers[slot, index]
    sparse = _bytes(sketches[sparse_rows]).view(_CODE)
    return (
        np.concatenate((np.repeat(sparse_rows, sizes[sparse_rows] // _CODE.itemsize), rows[slot])),
        np.concatenate((sparse, codes)),
    )


def _bytes(sketches: pl.Series) -> Bytes:
    """The bytes of all, one after the other; none may be empty."""
    return sketches.cast(pl.List(pl.UInt8)).explode().to_numpy()


def _sizes(sketches: pl.Series) -> Sizes:
    return sketches.bin.size().fill_null(0).to_numpy().astype(np.int64)


def _sigma(x: float) -> float:
    """Sum for the share x of registers that are not in use: x + the sum of x^(2^k) 2^(k-1)."""
    if x == 1:
        return inf
    found, before, factor = x, -1.0, 1.0
    while found != before:
        x, before = x * x, found
        found += x * factor
        factor *= 2
    return found


def _tau(x: float) -> float:
    """Sum for registers of the highest rank, x being the share of the others."""
    if x in (0, 1):
        return 0.0
    found, before, factor = 1 - x, -1.0, 1.0
    while found != before:
        x, before = sqrt(x), found
        factor /= 2
        found -= (1 - x) ** 2 * factor
    return found / 3


# What registers add to the indicator: one of each rank; so many that are not in use; so many of the
# highest rank.
_WEIGHTS = np.array([0.0, *(2.0**-rank for rank in range(1, _RANK)), 0.0])
_SIGMA = np.array([REGISTERS * _sigma(n / REGISTERS) for n in range(REGISTERS + 1)])
_TAU = np.array(
    [REGISTERS * _tau(1 - n / REGISTERS) * 2.0 ** (1 - _RANK) for n in range(REGISTERS + 1)]
)
