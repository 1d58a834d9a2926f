"""Whole record batches out of aiokafka, instead of one record at a time.

aiokafka hands every record through a generator and wraps it in a dataclass of eleven fields, which
costs more than all the rest of fetching it. Here the batches of a fetch stay as the broker sent
them.
"""

from __future__ import annotations

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord

from schemas.record_batches import RecordBatch, RecordBatches


class FetchedBatches:
    """Batches of one partition that follow each other.

    Attributes:
        start: offset that the fetch was for; the first batch may begin before it.
    """

    def __init__(self, start: int, batches: list[RecordBatch], counted: int) -> None:
        self.start = start
        self.batches = batches
        self._counted = counted

    def __len__(self) -> int:
        """Records, but never more than were asked for: aiokafka insists on that."""
        return self._counted


class PartitionBatches(fetcher.PartitionRecords):
    """The fetched bytes of one partition.

    `next_fetch_offset` is where the records taken so far end; aiokafka makes it the position.
    """

    next_fetch_offset: int

    def take(self, count: int | None) -> FetchedBatches:
        """As many batches as hold `count` records, None for all; the last one may hold more."""
        start = self.next_fetch_offset
        batches: list[RecordBatch] = []
        records = 0
        while (count is None or records < count) and not self.exhausted:
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"{self._tp}: a batch does not fit its checksum")
            # A batch may end in offsets without records: compacted, aborted, or control ones.
            self.next_fetch_offset = batch.next_offset
            if batch.count and not self._is_left_out(batch):
                batches.append(batch)
                records += batch.count
        return FetchedBatches(start, batches, records if count is None else min(records, count))

    @property
    def exhausted(self) -> bool:
        """Whether every batch was taken."""
        return not self._records.has_next()

    def _is_left_out(self, batch: RecordBatch) -> bool:
        """Control records, and those of a transaction that was taken back."""
        aborted = False
        if self._isolation_level == fetcher.READ_COMMITTED:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and _aborts(batch):
                self._aborted_producers.discard(batch.producer_id)
            aborted = batch.is_transactional and batch.producer_id in self._aborted_producers
        return aborted or batch.is_control_batch


class BatchResult(fetcher.FetchResult):
    """What the fetcher keeps of a partition until it is asked for."""

    _partition_records: PartitionBatches | None

    def getall(self, max_records: int | None = None) -> FetchedBatches | tuple[()]:
        """Batches with about that many records; the position moves behind them."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return ()
        fetched = self._partition_records
        assert fetched is not None
        batches = fetched.take(max_records)
        self._update_position()
        if fetched.exhausted:
            self._partition_records = None
        return batches


def _aborts(batch: RecordBatch) -> bool:
    return bool(ControlRecord.parse(batch.explode()[0].key) == ABORT_MARKER)


def install() -> None:
    """Use them in this process. aiokafka's fetcher knows no other way to be told."""
    fetcher.MemoryRecords = RecordBatches
    fetcher.PartitionRecords = PartitionBatches
    fetcher.FetchResult = BatchResult
