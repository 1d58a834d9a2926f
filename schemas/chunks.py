"""Chunks: what one fetch brought for one topic partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from schemas.record_batches import RecordBatch

RecordHeaders = Sequence[tuple[str, bytes | None]]

_NO_END = 1 << 63

_OFFSET = attrgetter("offset")
_TIMESTAMP = attrgetter("timestamp")
_KEY = attrgetter("key")
_VALUE = attrgetter("value")
_HEADERS = attrgetter("headers")


class _Records(NamedTuple):
    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[RecordHeaders]


class Chunk:
    """Records of one partition in the order of the log. Offsets rise; gaps are possible.

    A chunk made of a broker's batches takes them apart into records only when it is asked for
    them: columnar decoding needs none.

    Attributes:
        batches: what it was made of; empty where it was made of records.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        offsets: Sequence[int],
        timestamps: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        headers: Sequence[RecordHeaders],
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.batches: Sequence[RecordBatch] = ()
        self._start, self._end = 0, _NO_END
        self._records = _Records(offsets, timestamps, keys, values, headers)

    @classmethod
    def of_batches(
        cls,
        topic: str,
        partition: int,
        batches: Sequence[RecordBatch],
        start: int = 0,
        end: int | None = None,
    ) -> Chunk:
        """Make a chunk of at least one batch.

        Args:
            start: records with a lower offset do not belong to it. Brokers send whole batches,
                also where a fetch begins inside of one.
            end: records with that offset or a higher one do not belong to it either.
        """
        chunk = cls.__new__(cls)
        chunk.topic = topic
        chunk.partition = partition
        chunk.batches = batches
        chunk._start = start
        chunk._end = _NO_END if end is None else end
        return chunk

    @cached_property
    def _records(self) -> _Records:
        records = list(chain.from_iterable(batch.explode() for batch in self.batches))
        if self.begins_inside or self.ends_inside:
            records = [one for one in records if self._start <= one.offset < self._end]
        return _Records(
            list(map(_OFFSET, records)),
            list(map(_TIMESTAMP, records)),
            list(map(_KEY, records)),
            list(map(_VALUE, records)),
            list(map(_HEADERS, records)),
        )

    @property
    def offsets(self) -> Sequence[int]:
        """Offset of each record."""
        return self._records.offsets

    @property
    def timestamps(self) -> Sequence[int]:
        """Log timestamp of each record in milliseconds since 1970."""
        return self._records.timestamps

    @property
    def keys(self) -> Sequence[bytes | None]:
        """Key of each record."""
        return self._records.keys

    @property
    def values(self) -> Sequence[bytes | None]:
        """Value of each record; None is a tombstone."""
        return self._records.values

    @property
    def headers(self) -> Sequence[RecordHeaders]:
        """Headers of each record; the empty sequence where there are none."""
        return self._records.headers

    def __len__(self) -> int:
        cut = self.begins_inside or self.ends_inside
        if not self.batches or (cut and len(self.batches) == 1):
            return len(self.offsets)
        if self.begins_inside:  # only the batch that is cut is taken apart for it
            return len(self.of(self.batches[:1])) + len(self.of(self.batches[1:]))
        if self.ends_inside:
            return len(self.of(self.batches[:-1])) + len(self.of(self.batches[-1:]))
        return sum(batch.count for batch in self.batches)

    @property
    def begins_inside(self) -> bool:
        """Whether its first batch holds records that do not belong to it."""
        return bool(self.batches) and self.batches[0].base_offset < self._start

    @property
    def ends_inside(self) -> bool:
        """Whether its last batch holds records that do not belong to it."""
        return bool(self.batches) and self.batches[-1].next_offset > self._end

    @property
    def first_offset(self) -> int:
        """No record has a lower offset."""
        if self.batches:
            return max(self._start, self.batches[0].base_offset)
        return self.offsets[0]

    @property
    def last_offset(self) -> int:
        """No record has a higher offset, and none up to it comes in a later chunk."""
        if self.batches:
            return min(self._end, self.batches[-1].next_offset) - 1
        return self.offsets[-1]

    @property
    def last_timestamp(self) -> int:
        """The latest log timestamp in its last batch, in milliseconds since 1970."""
        return self.batches[-1].last_timestamp if self.batches else self.timestamps[-1]

    def of(self, batches: Sequence[RecordBatch]) -> Chunk:
        """The part of the chunk that these of its batches hold."""
        return Chunk.of_batches(self.topic, self.partition, batches, self._start, self._end)

    def split(self, size: int) -> Iterator[Chunk]:
        """The same records in chunks of at most `size`."""
        records = self._records
        for at in range(0, len(records.offsets), size):
            part = slice(at, at + size)
            yield Chunk(
                self.topic,
                self.partition,
                records.offsets[part],
                records.timestamps[part],
                records.keys[part],
                records.values[part],
                records.headers[part],
            )
