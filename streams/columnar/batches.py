"""Whole record batches out of aiokafka, instead of one record at a time.

aiokafka hands every record through a generator and wraps it in a dataclass of eleven fields, which
costs more than all the rest of fetching it. Here a batch is unpacked by its own (compiled)
iterator at once, and its records stay as that made them.
"""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

_ABORTED_ARE_LEFT_OUT = fetcher.READ_COMMITTED


class BatchRecords(fetcher.PartitionRecords):
    """The fetched bytes of one partition.

    `next_fetch_offset` is where the records taken so far end; aiokafka makes it the position.
    """

    exhausted = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ready: list[Any] = []
        self._ready_until = self.next_fetch_offset

    def take(self, count: int | None) -> list[Any]:
        """At most `count` records, None for all that there are."""
        while (count is None or len(self._ready) < count) and self._records.has_next():
            self._unpack(self._records.next_batch())
        taken = self._ready if count is None else self._ready[:count]
        self._ready = self._ready[len(taken) :]
        if self._ready:
            self.next_fetch_offset = taken[-1].offset + 1
        else:
            # A batch may end in offsets without records: compacted, aborted, or control ones.
            self.next_fetch_offset = self._ready_until
            self.exhausted = not self._records.has_next()
        return taken

    def _unpack(self, batch: Any) -> None:
        if self._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"{self._tp}: a batch does not fit its checksum")
        start, self._ready_until = self._ready_until, batch.next_offset
        if self._is_left_out(batch):
            return
        records = list(batch)
        if records and records[0].offset < start:
            # The broker sends whole batches, also where the position is inside of one.
            records = [record for record in records if record.offset >= start]
        self._ready += records

    def _is_left_out(self, batch: Any) -> bool:
        """Control records, and those of a transaction that was taken back."""
        aborted = False
        if self._isolation_level == _ABORTED_ARE_LEFT_OUT and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            aborted = batch.is_transactional and batch.producer_id in self._aborted_producers
        return aborted or bool(batch.is_control_batch)


class BatchResult(fetcher.FetchResult):
    """What the fetcher keeps of a partition until it is asked for."""

    _partition_records: BatchRecords | None

    def getall(self, max_records: int | None = None) -> list[Any]:
        """At most that many records; the position moves behind them."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        fetched = self._partition_records
        assert fetched is not None
        records = fetched.take(max_records)
        self._update_position()
        if fetched.exhausted:
            self._partition_records = None
        return records


def install() -> None:
    """Use them in this process. aiokafka's fetcher knows no other way to be told."""
    fetcher.PartitionRecords = BatchRecords
    fetcher.FetchResult = BatchResult
