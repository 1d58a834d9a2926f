"""Read a partition's state back from the compacted output topic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from aiokafka.errors import KafkaError

from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.topic import Topic
from streams.columnar.errors import RestoreError
from streams.columnar.partition import APPLIED
from streams.columnar.reading import PartitionReader

_SPARE_ROWS = 500_000  # rows that may be kept in vain before they are looked through


@dataclass(frozen=True, slots=True)
class Restored:
    """State of a partition as the output topic has it.

    Attributes:
        rows: per key the row with the highest `applied_offset`.
        overtaken: those of them that are not the last of their key in the log: a worker that had
            lost the partition wrote an older row behind. They have to be written again, or
            compaction would keep the wrong one.
        end: offset up to which the topic was read.
    """

    rows: pl.DataFrame
    overtaken: pl.DataFrame
    end: int


async def restore(
    kafka: Mapping[str, str], topic: Topic, partition: int, decoder: FrameDecoder, schema: pl.Schema
) -> Restored:
    """Read the partition to the end that it has now. It can be cancelled at any time.

    Args:
        kafka: connection settings (librdkafka's names).
        decoder: of the output topic, with all columns of `schema`.
        schema: columns of a state row, `applied_offset` among them.

    Raises:
        RestoreError: a state row cannot be decoded, or the broker stopped answering.
    """
    newest = _Newest(topic.key, schema)
    try:
        async with PartitionReader(kafka, topic.name, partition) as reader:
            async for chunk in reader:
                newest.add(await asyncio.to_thread(decoded_rows, chunk, decoder))
    except (KafkaError, TimeoutError) as error:
        reason = str(error) or "the broker stopped answering"
        raise RestoreError(f"{topic.name}/{partition} cannot be read: {reason}") from error
    rows, overtaken = await asyncio.to_thread(newest.result)
    return Restored(rows, overtaken, reader.position)


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


class _Newest:
    """Of every key the row with the highest applied offset, and the last row of the log."""

    def __init__(self, key: str, schema: pl.Schema) -> None:
        self._key = key
        self._schema = schema
        self._frames: list[pl.DataFrame] = []
        self._rows = 0
        self._enough = _SPARE_ROWS

    def add(self, frame: pl.DataFrame) -> None:
        """Take the next rows of the log in."""
        if frame.is_empty():
            return
        self._frames.append(frame)
        self._rows += frame.height
        if self._rows > self._enough:
            newest, last = self._found()
            self._keep(np.union1d(newest, last))
            self._enough = 2 * self._rows + _SPARE_ROWS

    def result(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The newest rows, and those of them that were overtaken."""
        if not self._frames:
            empty = pl.DataFrame(schema=self._schema)
            return empty, empty
        newest, last = self._found()
        overtaken = ~np.isin(newest, last)
        self._keep(newest)
        rows = pl.concat(self._frames, rechunk=True).select(self._schema.names())
        self._frames = []
        return rows, rows.filter(pl.Series(overtaken))

    def _found(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the newest rows and of the last ones, each rising."""
        narrow = pl.concat(
            [frame.select(self._key, APPLIED) for frame in self._frames]
        ).with_row_index("place")
        last = narrow.unique(self._key, keep="last")
        # A later row with the same applied offset is the same row; only a lower one was overtaken.
        newest = narrow.sort(APPLIED, "place").unique(self._key, keep="last")
        return (np.sort(newest["place"].to_numpy()), np.sort(last["place"].to_numpy()))

    def _keep(self, places: np.ndarray) -> None:
        """Drop all other rows."""
        kept, start = [], 0
        for frame in self._frames:
            end = start + frame.height
            here = places[np.searchsorted(places, start) : np.searchsorted(places, end)]
            if len(here):
                kept.append(frame if len(here) == frame.height else frame[here - start])
            start = end
        self._frames = kept
        self._rows = len(places)
