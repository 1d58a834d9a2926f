"""The hash of a column is the published one, and each value's is its own."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from streams.columnar.murmur import hashes, ragged_hashes

PUBLISHED = 0x6384BA69  # SMHasher's check value of MurmurHash3_x64_128, "Murmur3F" in its main.cpp


def digest(data: bytes, seed: int = 0) -> bytes:
    """All 128 bits of one byte string's hash, as the reference writes them."""
    halves = ragged_hashes(data, np.array([len(data)]), seed=seed)
    return b"".join(int(half[0]).to_bytes(8, "little") for half in halves)


def test_it_has_the_published_check_value() -> None:
    """SMHasher: hash 0, 0 1, 0 1 2 ... with seeds 256, 255, 254 ..., then hash the hashes."""
    keys = bytes(range(256))
    every = b"".join(digest(keys[:length], seed=256 - length) for length in range(256))
    assert int.from_bytes(digest(every)[:4], "little") == PUBLISHED


@given(st.lists(st.binary(max_size=70), max_size=20))
def test_a_hash_does_not_depend_on_its_neighbours(values: list[bytes]) -> None:
    lengths = np.array([len(value) for value in values], dtype=np.int64)
    first, second = ragged_hashes(b"".join(values), lengths)
    together = [
        int(half).to_bytes(8, "little") + int(other).to_bytes(8, "little")
        for half, other in zip(first, second, strict=True)
    ]
    assert together == [digest(value) for value in values]


@given(st.lists(st.text(max_size=300), max_size=20))
def test_a_text_is_hashed_by_its_utf_8(texts: list[str]) -> None:
    found = hashes(pl.Series(texts, dtype=pl.String))
    contents = [text.encode() for text in texts]
    wanted = [
        content if len(content) <= 256 else sha256(content).hexdigest().encode()
        for content in contents
    ]
    assert found.tolist() == [int.from_bytes(digest(each)[:8], "little") for each in wanted]
