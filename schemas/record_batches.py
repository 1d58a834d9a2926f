"""Kafka's record batches (message format 2) as they came from the broker.

A batch is kept compressed and whole. Whoever can use its records as a block of bytes takes
`records`; whoever needs them one by one calls `explode`.

Source: the message format of the Apache Kafka protocol documentation.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

from aiokafka import codec
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH = struct.Struct(">qi")  # base offset and length of what follows, of every format
_MAGIC_AT = 16
_CRC_FROM = 21

_CODEC = 0x07
_LOG_APPEND_TIME = 0x08
_TRANSACTIONAL = 0x10
_CONTROL = 0x20

_DECODERS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


class Head(NamedTuple):
    """The beginning of a batch's first record, which tells how to read the others.

    Attributes:
        key: its key.
        value: the first bytes of its value, as many as were asked for; None of a null value.
        headers: how many headers it has.
    """

    key: bytes | None
    value: bytes | None
    headers: int


class RecordBatch:
    """One batch.

    Attributes:
        base_offset: offset that the deltas of its records count from.
        next_offset: offset behind the batch, also where compaction took its last records.
        count: records in it.
        producer_id: -1 without an idempotent producer.
    """

    __slots__ = (
        "__dict__",
        "_attributes",
        "_base_timestamp",
        "_crc",
        "_data",
        "_max_timestamp",
        "base_offset",
        "count",
        "next_offset",
        "producer_id",
    )

    def __init__(self, data: bytes) -> None:
        """Read the header of a whole batch.

        Raises:
            CorruptRecordException: it is of a format before Kafka 0.11.
        """
        if data[_MAGIC_AT] != 2:
            raise CorruptRecordException(
                f"message format {data[_MAGIC_AT]} is not read; copy the topic with a client of "
                "Kafka 0.11 or later"
            )
        self.base_offset: int
        self.next_offset: int
        self.count: int
        (
            self.base_offset,
            _length,
            _leader_epoch,
            _magic,
            self._crc,
            self._attributes,
            last_delta,
            self._base_timestamp,
            self._max_timestamp,
            self.producer_id,
            _producer_epoch,
            _sequence,
            self.count,
        ) = _HEADER.unpack_from(data)
        self.next_offset = self.base_offset + last_delta + 1
        self._data = data

    @property
    def is_transactional(self) -> bool:
        """Its records count only once their transaction is committed."""
        return bool(self._attributes & _TRANSACTIONAL)

    @property
    def is_control_batch(self) -> bool:
        """It holds the end of a transaction, and no records of a producer."""
        return bool(self._attributes & _CONTROL)

    @property
    def timestamp(self) -> int | None:
        """When the broker appended it, in milliseconds; None where each record has its own time."""
        return self._max_timestamp if self._attributes & _LOG_APPEND_TIME else None

    @property
    def last_timestamp(self) -> int:
        """The latest time of its records, in milliseconds."""
        return int(self._max_timestamp)

    @property
    def base_timestamp(self) -> int:
        """Milliseconds that the time deltas of the records count from."""
        return int(self._base_timestamp)

    def validate_crc(self) -> bool:
        """Whether the bytes are those that the producer sent."""
        return bool(calc_crc32c(memoryview(self._data)[_CRC_FROM:]) == self._crc)

    @cached_property
    def records(self) -> bytes:
        """All records, uncompressed, one behind the other.

        Raises:
            UnsupportedCodecError: of a compression that Kafka does not know.
        """
        kind = self._attributes & _CODEC
        if kind not in _DECODERS:
            raise UnsupportedCodecError(f"compression {kind} is unknown")
        return bytes(_DECODERS[kind](self._data[_HEADER.size :]))

    def head(self, size: int) -> Head:
        """Look at the first record, with `size` bytes of its value."""
        data = self.records
        _length, at = _varint(data, 0)
        _time, at = _varint(data, at + 1)  # behind the attributes
        _offset, at = _varint(data, at)
        length, at = _varint(data, at)
        key = None if length < 0 else data[at : at + length]
        at += max(length, 0)
        length, at = _varint(data, at)
        value = None if length < 0 else data[at : at + min(size, length)]
        headers, _ = _varint(data, at + max(length, 0))
        return Head(key, value, headers)

    def explode(self) -> list[Any]:
        """Its records one by one: offset, timestamp, key, value and headers."""
        return list(MemoryRecords(self._data).next_batch())


class RecordBatches:
    """The batches in a broker's answer to a fetch.

    The last one is left out where the broker has cut it.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._ends = list(_ends(self._data))
        self._next = 0

    def size_in_bytes(self) -> int:
        """Bytes of the whole answer."""
        return len(self._data)

    def has_next(self) -> bool:
        """Whether a batch is left."""
        return self._next < len(self._ends)

    def next_batch(self) -> RecordBatch:
        """Take the next batch.

        Raises:
            IndexError: there is none.
        """
        start = self._ends[self._next - 1] if self._next else 0
        batch = RecordBatch(bytes(self._data[start : self._ends[self._next]]))
        self._next += 1
        return batch


def _ends(data: memoryview) -> Iterator[int]:
    end = 0
    while end + _LENGTH.size <= len(data):
        end += _LENGTH.size + _LENGTH.unpack_from(data, end)[1]
        if end > len(data):
            return
        yield end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag number, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
