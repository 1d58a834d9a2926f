"""MurmurHash3 of many texts at once.

A hash that goes into stored state has to be the same in every process, on every machine and with
every version of the libraries; neither Python nor Polars promises that of its own. This one is a
published formula with a published check value, and the usual one of HyperLogLog sketches (Apache
DataSketches, Elasticsearch).

Source: Austin Appleby, MurmurHash3_x64_128 in MurmurHash3.cpp of github.com/aappleby/smhasher.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes = npt.NDArray[np.uint64]
Lengths = npt.NDArray[np.int64]

_WORD = 8  # bytes
_BLOCK = 2 * _WORD
_LONGEST = 256  # bytes

_C1 = np.uint64(0x87C37B91114253D5)
_C2 = np.uint64(0x4CF5AD432745937F)
_N1 = np.uint64(0x52DCE729)
_N2 = np.uint64(0x38495AB5)
_F1 = np.uint64(0xFF51AFD7ED558CCD)
_F2 = np.uint64(0xC4CEB9FE1A85EC53)

# Bits of the two words behind the last block that belong to a string with 0 to 15 bytes left.
_LEFT_1 = np.array([(1 << 8 * min(left, _WORD)) - 1 for left in range(_BLOCK)], dtype=np.uint64)
_LEFT_2 = np.array([(1 << 8 * max(left - _WORD, 0)) - 1 for left in range(_BLOCK)], dtype=np.uint64)


def hashes(texts: pl.Series, *, seed: int = 0) -> Hashes:
    """The first 64 bits of the hash of each text's UTF-8 bytes.

    Of a text with more than 256 bytes the hexadecimal SHA-256 is hashed in its place, so that a few
    long ones do not hold up the many.

    Args:
        texts: String, shape (texts,), without nulls.
    """
    if texts.is_empty():
        return np.empty(0, dtype=np.uint64)
    lengths = _lengths(texts)
    if lengths.max() > _LONGEST:
        texts = _shortened(texts, np.flatnonzero(lengths > _LONGEST))
        lengths = _lengths(texts)
    joined: str = texts.str.join("").item()
    return ragged_hashes(joined.encode(), lengths, seed=seed)[0]


def ragged_hashes(data: bytes, lengths: Lengths, *, seed: int = 0) -> tuple[Hashes, Hashes]:
    """The hash of each byte string, as two halves.

    Args:
        data: all of them, one after the other.
        lengths: bytes of each, shape (strings,).
    """
    padded = data + bytes(_BLOCK)
    # A word from every byte on: a string's words can be picked wherever it begins.
    words = np.ndarray(len(data) + _WORD + 1, dtype="<u8", buffer=padded, strides=(1,))
    at = np.cumsum(lengths) - lengths
    blocks = lengths // _BLOCK
    h1 = np.full(len(lengths), seed, dtype=np.uint64)
    h2 = h1.copy()
    rows: slice | npt.NDArray[np.intp] = slice(None)
    for block in range(int(blocks.max(initial=0))):
        if block >= blocks.min():
            rows = np.flatnonzero(blocks > block)
        start = at[rows] + block * _BLOCK
        h1[rows], h2[rows] = _mixed(h1[rows], h2[rows], words[start], words[start + _WORD])
    left = lengths & (_BLOCK - 1)
    at += lengths - left
    h1 ^= _scrambled(words[at] & _LEFT_1[left], _C1, 31, _C2)
    h2 ^= _scrambled(words[at + _WORD] & _LEFT_2[left], _C2, 33, _C1)
    size = lengths.astype(np.uint64)
    h1 ^= size
    h2 ^= size
    h1 += h2
    h2 += h1
    h1, h2 = _finished(h1), _finished(h2)
    h1 += h2
    h2 += h1
    return h1, h2


def _lengths(texts: pl.Series) -> Lengths:
    return texts.str.len_bytes().to_numpy().astype(np.int64)


def _shortened(texts: pl.Series, rows: npt.NDArray[np.intp]) -> pl.Series:
    digests = [sha256(text.encode()).hexdigest() for text in texts[rows]]
    return texts.clone().scatter(rows, pl.Series(digests))


def _mixed(h1: Hashes, h2: Hashes, word1: Hashes, word2: Hashes) -> tuple[Hashes, Hashes]:
    """The halves with one more block of each string in them."""
    five = np.uint64(5)
    h1 = (_rotated(h1 ^ _scrambled(word1, _C1, 31, _C2), 27) + h2) * five + _N1
    h2 = (_rotated(h2 ^ _scrambled(word2, _C2, 33, _C1), 31) + h1) * five + _N2
    return h1, h2


def _scrambled(words: Hashes, first: np.uint64, rotation: int, second: np.uint64) -> Hashes:
    return _rotated(words * first, rotation) * second


def _rotated(words: Hashes, left: int) -> Hashes:
    return words << np.uint64(left) | words >> np.uint64(64 - left)


def _finished(half: Hashes) -> Hashes:
    """The finaliser fmix64: every bit of it depends on every bit of the half."""
    shift = np.uint64(33)
    half = half ^ half >> shift
    half *= _F1
    half ^= half >> shift
    half *= _F2
    half ^= half >> shift
    return half
