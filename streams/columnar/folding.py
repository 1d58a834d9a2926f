"""The handler of a columnar agent: state per partition, flushed to the compacted output topic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import polars as pl
import structlog

from schemas.chunks import Chunk
from schemas.frames import Decoded, FrameDecoder
from schemas.redrive import address_of
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.duplicates import DuplicateWindow
from streams.columnar.errors import BrokenGroundError
from streams.columnar.fold import Fold
from streams.columnar.handler import Ground, TopicPartition
from streams.columnar.kafka.groups import log_end, newest_time, partition_counts, topic_id
from streams.columnar.late_writers import OutputWatch
from streams.columnar.metrics import FoldingMetrics
from streams.columnar.partition import APPLIED, Outbox, Partition
from streams.columnar.restore import Restored, restore
from streams.columnar.sink import Sink
from streams.columnar.state.quiet import Parking
from streams.columnar.state.table import KeyedTable

log = structlog.get_logger()

# Of one partition, not flushed: while a flush hangs, reading waits instead of filling the memory.
_MOST_PENDING = 500_000
_ACKNOWLEDGE_S = 120.0  # a broker restart fits in; beyond it the worker gives up and starts again
_RESTORES = 2  # partitions at once: more would only cost memory


@dataclass(frozen=True)
class AgentSpec:
    """An agent: where it reads, how it folds, where its state goes.

    Attributes:
        name: for logs, dead letters and the consumer group.
        source: input topic.
        output: compacted topic of state rows with the same key and as many partitions.
        horizon: offsets within which a repeated event_id counts once; 0 counts all.
    """

    name: str
    source: Topic
    output: Topic
    fold: Fold
    horizon: int = 0


class FoldingHandler:
    """Folds chunks into state, flushes changed rows, restores on assignment.

    A flush sends, each acknowledged before the next: events that follow and dead letters; then the
    state rows. So a row in the output topic says that all that follows from it is there too.

    Args:
        parking: when rows of quiet keys leave the memory; None is never.
    """

    def __init__(
        self,
        spec: AgentSpec,
        kafka: dict[str, str],
        registry: Registry,
        parking: Parking | None = None,
    ) -> None:
        self.topics: Sequence[Topic] = (spec.source,)
        self.metrics = FoldingMetrics(spec.name, spec.source.name)
        self._spec = spec
        self._kafka = kafka
        self._registry = registry
        self._parking = parking
        self._sink = Sink(kafka, registry)
        self._watch = OutputWatch(kafka, spec.output, registry)
        self._partitions: dict[TopicPartition, Partition] = {}
        self._decoding = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._decoded: dict[Chunk, Future[Decoded]] = {}
        self._restoring = asyncio.Semaphore(_RESTORES)
        self._generation = -1
        self._state = ""
        self._room = asyncio.Event()  # set when something was taken to be flushed
        self._schema = pl.Schema({**spec.fold.state, APPLIED: pl.Int64()})
        identity = ("event_id",) if spec.horizon else ()
        wanted = dict.fromkeys((spec.source.key, *identity, *spec.fold.columns))
        # One decoder each for all partitions: parsed schemas are shared.
        self._decoder = FrameDecoder(registry, spec.source, tuple(wanted))
        self._state_decoder = FrameDecoder(registry, spec.output, self._schema.names())

    async def assigned(
        self, ground: Mapping[TopicPartition, Ground], generation: int
    ) -> Mapping[TopicPartition, int]:
        """Restore every partition's state; see `ChunkHandler`.

        Raises:
            BrokenGroundError: the input is not what the state was made from.
            RestoreError: the state cannot be read.
        """
        self._give_up()
        count = await asyncio.to_thread(self._check_partitions)
        # The output topic is the state: made anew, what was refused before is not its business.
        self._state = await asyncio.to_thread(topic_id, self._kafka, self._spec.output.name)
        self._decoder.address = address_of(self._spec.name, self._state)
        restored = await asyncio.gather(
            *(self._restored(where, facts, count) for where, facts in ground.items())
        )
        self._generation = generation
        self._partitions = dict(zip(ground, (one for one, _ in restored), strict=True))
        ends = zip(ground, (end for _, end in restored), strict=True)
        self._watch.owned({where.partition: end for where, end in ends})
        for where, partition in self._partitions.items():
            self._measure(where, partition)
        return {
            where: max(ground[where].low, partition.fold_from - self._spec.horizon)
            for where, partition in self._partitions.items()
        }

    def expect(self, chunk: Chunk) -> None:
        """Begin to decode the chunk, in a thread of its own: Polars does it without the GIL."""
        self._decoded[chunk] = self._decoding.submit(self._decode, chunk)

    async def process(self, chunk: Chunk) -> None:
        """Fold a chunk into its partition's state."""
        decoding = self._decoded.pop(chunk, None)
        if decoding is None:
            decoded = self._decode(chunk)
        else:
            decoded = await asyncio.wrap_future(decoding)
        # Only now: the partition may have been revoked in the meantime.
        where = TopicPartition(chunk.topic, chunk.partition)
        partition = self._partitions.get(where)
        if partition is None:
            return
        with self.metrics.folding():
            partition.process(chunk, decoded)
        self._measure(where, partition)
        while partition.pending > _MOST_PENDING and self._partitions.get(where) is partition:
            self._room.clear()
            await self._room.wait()

    async def flush(self) -> Mapping[TopicPartition, int]:
        """Send what has changed; see `ChunkHandler`.

        Raises:
            NotAcknowledgedError: the broker did not take everything; the worker has to stop.
        """
        again = 1
        while again:
            owned = dict(self._partitions)
            boxes = {where: part.take_outbox() for where, part in owned.items()}
            self._room.set()
            if any(box.rows.height or box.emitted or box.letters for box in boxes.values()):
                with self.metrics.flushing():
                    rows = await asyncio.to_thread(self._send, boxes, self._watch.assignment)
                self._measure_flush(boxes, rows)
            for where, partition in owned.items():
                if self._partitions.get(where) is partition:
                    partition.acknowledged()
                    self._measure(where, partition)
            again = self._write_again(await self._watch.others())
        return {where: box.next_offset for where, box in boxes.items()}

    async def revoked(self) -> None:
        """Forget the state: the next owner restores it from the output topic."""
        self._give_up()
        self._decoded = {}
        self._room.set()

    def skip(self, where: TopicPartition, offset: int) -> None:
        """Go on at `offset`; see `ChunkHandler`."""
        partition = self._partitions.get(where)
        if partition is not None:
            partition.skip(offset)

    def position(self, where: TopicPartition) -> int | None:
        """The first offset that was not processed yet."""
        partition = self._partitions.get(where)
        return None if partition is None else partition.next_offset

    def _give_up(self) -> None:
        for partition in self._partitions.values():
            partition.table.close()
        self._partitions = {}

    def _decode(self, chunk: Chunk) -> Decoded:
        with self.metrics.decoding():
            return self._decoder.decode(chunk)

    def _send(self, boxes: Mapping[TopicPartition, Outbox], assignment: int) -> int:
        """Send and wait for the broker; returns the number of state rows."""
        for box in boxes.values():
            self._sink.send_letters(box.letters)
            for topic, frames in box.emitted.items():
                self._sink.send(topic, pl.concat(frames))
        self._sink.acknowledged(_ACKNOWLEDGE_S)
        rows = 0
        for where, box in boxes.items():
            if box.rows.height:
                rendered = self._spec.fold.render(box.rows).with_columns(
                    pl.lit(self._generation, dtype=pl.Int32).alias("generation")
                )
                rows += self._sink.send(self._spec.output, rendered, partition=where.partition)
        for where, written in self._sink.acknowledged(_ACKNOWLEDGE_S).items():
            self._watch.wrote(where.partition, written, assignment)
        log.debug("flushed", agent=self._spec.name, rows=rows)
        return rows

    def _write_again(self, others: Mapping[int, pl.DataFrame]) -> int:
        """Rows of ours that older ones of somebody else stand behind: how many there are."""
        count = 0
        for where, partition in self._partitions.items():
            if where.partition in others:
                count += partition.write_again(others[where.partition])
        if others:
            log.warning("rows written again", agent=self._spec.name, rows=count)
            self.metrics.repaired(count)
        return count

    def _measure_flush(self, boxes: Mapping[TopicPartition, Outbox], rows: int) -> None:
        self.metrics.flushed(rows)
        for where, box in boxes.items():
            self.metrics.buried(where.topic, len(box.letters))

    def _measure(self, where: TopicPartition, partition: Partition) -> None:
        table = partition.table
        self.metrics.set_rows(where, keys=len(table), dirty=table.changed_rows)
        self.metrics.set_parked(where, table.parked_rows)

    def _check_partitions(self) -> int:
        """State stands beside its input: a key's row in the partition of the key's events.

        Returns:
            How many partitions the input has.
        """
        source, output = self._spec.source, self._spec.output
        counts = partition_counts(self._kafka, source.name, output.name)
        if counts[source.name] != counts[output.name]:
            raise BrokenGroundError(
                f"{source.name} has {counts[source.name]} partitions and {output.name} has "
                f"{counts[output.name]}: keys have moved away from their state. Publish to a topic "
                "with the old number, or make a new version of both and replay into it"
            )
        return counts[source.name]

    async def _restored(
        self, where: TopicPartition, ground: Ground, count: int
    ) -> tuple[Partition, int]:
        """A partition as the output topic has it, and up to which offset that was read."""
        spec = self._spec
        async with self._restoring:
            table = KeyedTable(self._schema, spec.source.key, self._parking)
            if self._parking is not None:
                table.reach(
                    await asyncio.to_thread(
                        newest_time, self._kafka, spec.output.name, where.partition
                    )
                )
            restored = await restore(
                self._kafka, spec.output, where.partition, self._state_decoder, table
            )
            partition = await asyncio.to_thread(
                self._partition, where, ground, restored, table, count
            )
        return partition, restored.end

    def _partition(
        self,
        where: TopicPartition,
        ground: Ground,
        restored: Restored,
        table: KeyedTable,
        count: int,
    ) -> Partition:
        spec = self._spec
        table.put(table.take(restored.overtaken))
        self.metrics.repaired(len(restored.overtaken))
        highest = restored.highest
        if highest >= ground.high:
            # The log may have grown since it was asked, by another worker's last flush.
            end = log_end(self._kafka, where.topic, where.partition)
            ground = replace(ground, high=end)
        fold_from = _fold_from(where, ground, highest, spec)
        log.info(
            "restored",
            agent=spec.name,
            partition=where.partition,
            keys=len(table),
            parked=table.parked_rows,
            overtaken=len(restored.overtaken),
            fold_from=fold_from,
        )
        return Partition(
            name=spec.name,
            topic=spec.source,
            fold=spec.fold,
            table=table,
            duplicates=DuplicateWindow(spec.horizon),
            fold_from=fold_from,
            next_offset=max(ground.low, fold_from - spec.horizon),
            restored_offset=highest,
            partitions=count,
            state=self._state,
        )


def _fold_from(where: TopicPartition, ground: Ground, highest: int, spec: AgentSpec) -> int:
    """First offset that may not be in the state.

    Raises:
        BrokenGroundError: the input was made anew, or lost events that were never folded.
    """
    name = f"{where.topic}/{where.partition}"
    if highest >= ground.high:
        raise BrokenGroundError(
            f"{name} ends at offset {ground.high}, but {spec.output.name} holds state up to "
            f"{highest}: the input topic was made anew. Delete and provision {spec.output.name} "
            f"too, and the consumer group groundswell.{spec.name}, to count from zero"
        )
    committed = ground.committed if ground.committed is not None else 0
    if committed > ground.high:
        raise BrokenGroundError(
            f"{name} ends at offset {ground.high}, but the group groundswell.{spec.name} stands "
            f"at {committed}: the input topic was made anew. Delete the group to go on"
        )
    if ground.low > committed and (ground.committed is not None or highest >= 0):
        lost_from = max(committed, highest + 1)
        if ground.low > lost_from:
            log.error(
                "events expired before they were folded",
                agent=spec.name,
                partition=name,
                first=lost_from,
                last=ground.low - 1,
                mend="lengthen the topic's retention, or run more workers",
            )
    return max(committed, ground.low)
