"""Chunks: what one fetch brought for one topic partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol, overload

RecordHeaders = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """A fetched record, in the shape that aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: RecordHeaders


_OFFSET = attrgetter("offset")
_TIMESTAMP = attrgetter("timestamp")
_VALUE = attrgetter("value")
_HEADERS = attrgetter("headers")


class _Keys(Sequence[bytes | None]):
    """Keys of records, looked up when asked for: only dead letters need them."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, at: int) -> bytes | None: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[bytes | None]: ...
    def __getitem__(self, at: int | slice) -> bytes | Sequence[bytes | None] | None:
        if isinstance(at, slice):
            return _Keys(self._records[at])
        return self._records[at].key


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition in the order of the log. Offsets rise; gaps are possible.

    Attributes:
        offsets: offset of each record.
        timestamps: log timestamp of each record in milliseconds since 1970.
        headers: headers of each record; the empty sequence where there are none.
    """

    topic: str
    partition: int
    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[RecordHeaders]

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self.offsets[-1]

    @classmethod
    def of(cls, topic: str, partition: int, records: Sequence[Record]) -> Chunk:
        """Make a chunk of fetched records, at least one."""
        first, last, count = records[0].offset, records[-1].offset, len(records)
        whole = last - first + 1 == count
        return cls(
            topic,
            partition,
            range(first, last + 1) if whole else list(map(_OFFSET, records)),
            list(map(_TIMESTAMP, records)),
            _Keys(records),
            list(map(_VALUE, records)),
            list(map(_HEADERS, records)) if any(map(_HEADERS, records)) else [()] * count,
        )

    def split(self, size: int) -> Iterator[Chunk]:
        """The same records in chunks of at most `size`."""
        for at in range(0, len(self), size):
            part = slice(at, at + size)
            yield Chunk(
                self.topic,
                self.partition,
                self.offsets[part],
                self.timestamps[part],
                self.keys[part],
                self.values[part],
                self.headers[part],
            )
