"""Read a partition's state back from the compacted output topic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from aiokafka.errors import KafkaError

from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.topic import Topic
from streams.columnar.errors import RestoreError
from streams.columnar.kafka.reading import PartitionReader
from streams.columnar.partition import APPLIED
from streams.columnar.state.table import KeyedTable

_PARKED_AT_ONCE = 1 << 18  # rows; nobody waits for this thread


@dataclass(frozen=True, slots=True)
class Restored:
    """What was read back.

    Attributes:
        highest: the highest `applied_offset`; -1 without a row.
        overtaken: keys whose row with the highest `applied_offset` is not their last in the log: a
            worker that had lost the partition wrote an older row behind. They have to be written
            again, or compaction would keep the wrong one.
        end: offset up to which the topic was read.
    """

    highest: int
    overtaken: list[str]
    end: int


async def restore(
    kafka: Mapping[str, str], topic: Topic, partition: int, decoder: FrameDecoder, table: KeyedTable
) -> Restored:
    """Read the partition to the end that it has now. It can be cancelled at any time.

    Args:
        kafka: connection settings (librdkafka's names).
        decoder: of the output topic, with all columns of the table.
        table: gets the row with the highest `applied_offset` of every key.

    Raises:
        RestoreError: a state row cannot be decoded, or the broker stopped answering.
    """
    newest = Newest(table, topic.key)
    try:
        async with PartitionReader(kafka, topic.name, partition) as reader:
            async for chunk in reader:
                rows = await asyncio.to_thread(decoded_rows, chunk, decoder)
                await asyncio.to_thread(newest.add, rows)
    except (KafkaError, TimeoutError) as error:
        reason = str(error) or "the broker stopped answering"
        raise RestoreError(f"{topic.name}/{partition} cannot be read: {reason}") from error
    return Restored(newest.highest, sorted(newest.overtaken), reader.position)


def decoded_rows(chunk: Chunk, decoder: FrameDecoder) -> pl.DataFrame:
    """State rows of a chunk.

    Raises:
        RestoreError: something in it is no state row.
    """
    decoded = decoder.decode(chunk)
    if decoded.rejects:
        # Going on without a row would count its events again, or never.
        first = decoded.rejects[0]
        raise RestoreError(
            f"{chunk.topic}/{chunk.partition} offset {chunk.offsets[first.row]} is no state "
            f"row: {first.reason}. Only the agent may write to its output topic"
        )
    return decoded.frame


class Newest:
    """Puts rows of the log into a table, of every key the one with the highest applied offset.

    Rows of keys that are quiet by the time of their records are parked on the way, so that memory
    holds no more than what is alive.

    Args:
        table: empty.
        key: name of the key column.

    Attributes:
        highest: the highest applied offset; -1 without a row.
        overtaken: keys whose last row in the log is not the newest.
    """

    def __init__(self, table: KeyedTable, key: str) -> None:
        self.highest = -1
        self.overtaken: set[str] = set()
        self._table = table
        self._key = key

    def add(self, frame: pl.DataFrame) -> None:
        """Take the next rows of the log in.

        Args:
            frame: the table's columns, and `_timestamp`.
        """
        # A later row with the same applied offset is the same row; only a lower one was overtaken.
        last = frame.select(self._key, APPLIED)
        if frame[self._key].n_unique() < frame.height:
            last = last.unique(self._key, keep="last", maintain_order=True)
            places = frame.select(self._key, APPLIED).with_row_index("place")
            newest = places.sort(APPLIED, "place").unique(self._key, keep="last")
            frame = last.select(self._key).join(
                frame[newest["place"]], on=self._key, maintain_order="left"
            )
        stood = self._table.take(frame[self._key])[APPLIED].fill_null(-1)
        newer = frame[APPLIED] >= stood
        behind = last[APPLIED] < pl.select(pl.max_horizontal(stood, frame[APPLIED])).to_series()
        self._note(last[self._key], behind)
        if not newer.all():
            frame = frame.filter(newer)
        if frame.height:
            self.highest = max(self.highest, int(frame[APPLIED].max()))  # type: ignore[arg-type]
        times = frame["_timestamp"].to_physical().to_numpy() // 1000
        self._table.put(frame, changed=False, at=times)
        self._table.park(_PARKED_AT_ONCE)

    def _note(self, keys: pl.Series, behind: pl.Series) -> None:
        if self.overtaken:
            self.overtaken.difference_update(keys.filter(~behind).to_list())
        self.overtaken.update(keys.filter(behind).to_list())
