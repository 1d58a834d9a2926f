"""Chunks: what one fetch brought for one topic partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

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
        """Make a chunk of fetched records."""
        return cls(
            topic,
            partition,
            [record.offset for record in records],
            [record.timestamp for record in records],
            [record.key for record in records],
            [record.value for record in records],
            [record.headers for record in records],
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
