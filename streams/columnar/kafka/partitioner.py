"""The partition that a key belongs to, as the Java client and all that follow it choose it.

Source: Utils.murmur2 and BuiltInPartitioner of Apache Kafka; the hash is Austin Appleby's
MurmurHash2 (32 bits) with Kafka's seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_SEED = 0x9747B28C
_M = np.uint32(0x5BD1E995)
_WORD = 4  # bytes
_POSITIVE = np.uint32(0x7FFFFFFF)

Hashes = npt.NDArray[np.uint32]


def partitions_of(keys: Sequence[str | bytes], partitions: int) -> npt.NDArray[np.int64]:
    """Number of the partition that each key belongs to, of so many; of a text its UTF-8 bytes."""
    found = np.empty(len(keys), dtype=np.int64)
    encoded = [key.encode() if isinstance(key, str) else key for key in keys]
    for size, places in _by_size(encoded).items():
        together = b"".join([encoded[place] for place in places])
        content = np.frombuffer(together, dtype=np.uint8).reshape(len(places), size)
        found[places] = (_murmur2(content) & _POSITIVE) % np.uint32(partitions)
    return found


def _by_size(texts: list[bytes]) -> dict[int, list[int]]:
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        places[len(text)].append(place)
    return places


def _murmur2(content: npt.NDArray[np.uint8]) -> Hashes:
    """Hash of each row, all of one length. Arithmetic is modulo 2^32."""
    count, size = content.shape
    whole = size - size % _WORD
    words = np.ascontiguousarray(content[:, :whole]).view("<u4")
    hashes: Hashes = np.full(count, _SEED ^ size, dtype=np.uint32)
    for column in range(words.shape[1]):
        word = words[:, column] * _M
        word ^= word >> np.uint32(24)
        hashes = hashes * _M ^ word * _M
    if size > whole:
        for place in range(whole, size):
            hashes ^= content[:, place].astype(np.uint32) << np.uint32(8 * (place - whole))
        hashes *= _M
    hashes ^= hashes >> np.uint32(13)
    hashes *= _M
    hashes ^= hashes >> np.uint32(15)
    return hashes
