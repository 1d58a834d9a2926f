"""A Faust app around a chunk handler: the worker's life cycle."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any, NoReturn

import faust
import structlog
from faust.serializers.codecs import Codec
from faust.types import TP
from polars.exceptions import PanicException

from schemas.chunks import Chunk
from streams.columnar.errors import BrokenGroundError, RuntimeStoppedError
from streams.columnar.exposition import serve
from streams.columnar.handler import ChunkHandler, Ground, TopicPartition
from streams.columnar.kafka.transport import Consumer
from streams.columnar.lag import Lag
from streams.columnar.options import WorkerOptions, faust_settings
from streams.columnar.pace import FlushPace
from streams.columnar.watchdog import Watchdog

log = structlog.get_logger()

EXIT_FAULT = 70  # sysexits.h: internal software error; the supervisor starts the worker again

_LOOK_SECONDS = 5.0
_REBALANCE_SECONDS = 300.0


class _Untouched(Codec):
    """Chunks pass through Faust as they are."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s


class WorkerApp(faust.App):
    """A Faust app that reads chunks for one handler.

    A fault ends the process at once, by design: the state is exact under kill -9, so the safest
    reaction to anything unforeseen is to die and be restored. Faust's own would acknowledge the
    failed event and go on.
    """

    def __init__(self, name: str, handler: ChunkHandler, options: WorkerOptions) -> None:
        super().__init__(options.group, **faust_settings(options))
        self.handler = handler
        self.watchdog = Watchdog(name, options.watchdog_seconds, EXIT_FAULT)
        self.metrics = handler.metrics
        self.metrics_port = options.metrics_port
        self._name = name
        self._pace = FlushPace(options.flush_seconds)
        self._flushing = asyncio.Lock()
        self._committed: dict[TopicPartition, int] = {}
        self._delivered: dict[TopicPartition, int] = {}
        self._moved: dict[TopicPartition, tuple[int, float]] = {}
        channel = self.topic(
            *(topic.name for topic in handler.topics),
            key_serializer=_Untouched(),
            value_serializer=_Untouched(),
        )
        self.agent(channel, name=name)(self._read)
        self.on_partitions_revoked.connect(self._on_revoked)
        self.task(self._flush_often)
        self.task(self._look_often)

    async def positions(self, assignment: set[TP]) -> Mapping[TP, int]:
        """Hand the assigned partitions to the handler; where to start each (for the transport)."""
        consumer: Consumer = self.consumer
        generation = self.consumer_generation_id
        self._committed = {}
        self._delivered = {}
        self._moved = {}
        self.metrics.disown()
        started = monotonic()
        try:
            committed = await consumer.committed(assignment)
            marks = await consumer.watermarks(assignment)
            ground = {_of(tp): Ground(committed[tp], *marks[tp]) for tp in assignment}
            with self.watchdog.patience():
                starts = await self.handler.assigned(ground, generation)
            self.metrics.own({_of(tp): self._lag(tp, high) for tp, (_, high) in marks.items()})
            self.metrics.restored(monotonic() - started)
        except asyncio.CancelledError:
            raise  # the next rebalance is here already
        except (Exception, PanicException) as error:
            self._die("cannot take over partitions", error)
        log.info("assigned", agent=self._name, partitions=sorted(p.partition for p in ground))
        return {TP(where.topic, where.partition): start for where, start in starts.items()}

    def idle_at(self, positions: Mapping[TP, int]) -> None:
        """Nothing fetched is on its way: offsets up to these positions hold no more records.

        Control records and compacted ones take offsets that never come as events.
        """
        for tp, offset in positions.items():
            where = _of(tp)
            done = self.handler.position(where)
            if done is not None and done >= self._delivered.get(where, 0) and done < offset:
                self.handler.skip(where, offset)
        self.metrics.look()

    async def flush(self) -> int:
        """Flush the handler and commit what it says, unless nothing has moved.

        Nothing happens while it is not certain that the partitions are ours.

        Returns:
            Offsets that were gone through since the last flush.
        """
        async with self._flushing:
            if not self.consumer.holds(self.consumer_generation_id):
                return 0
            offsets = dict(await self.handler.flush())
            moved = {at: o for at, o in offsets.items() if self._committed.get(at) != o}
            gone = sum(offset - self._committed.get(at, offset) for at, offset in moved.items())
            if moved:
                await self.consumer.commit_offsets(
                    {TP(at.topic, at.partition): offset for at, offset in moved.items()}
                )
                self._committed |= moved
            return gone

    async def _read(self, stream: Any) -> None:
        async for event in stream.events():
            chunk: Chunk = event.value
            if event.message.generation_id != self.consumer_generation_id:
                continue  # of an assignment that is over: it is fetched again
            try:
                await self.handler.process(chunk)
                self.metrics.processed(chunk)
                if self._all_read():
                    self._pace.everything_is_read()
            except (Exception, PanicException) as error:
                self._die("cannot process a chunk", error)
            # A loop that is never idle would starve the flush.
            await asyncio.sleep(0)

    def delivers(self, chunk: Chunk) -> None:
        """A chunk is handed to the stream (for the transport)."""
        self._delivered[TopicPartition(chunk.topic, chunk.partition)] = chunk.last_offset + 1
        self.handler.expect(chunk)

    def _lag(self, tp: TP, end: int) -> Lag:
        position = partial(self.handler.position, _of(tp))
        return Lag(position, partial(self.consumer.fetched_end, tp), end)

    def _all_read(self) -> bool:
        """Whether no partition is known to hold more than was processed."""
        for tp in self.consumer.assignment():
            position, end = self.handler.position(_of(tp)), self.consumer.fetched_end(tp)
            if position is None or end is None or position < end:
                return False
        return True

    async def _flush_often(self) -> None:
        while not self.should_stop:
            self._pace.begin()
            gone = await self._flush_or_die()
            await self.wait(self._pace.pause(gone))

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        self.consumer.let_go()
        await self._flush_or_die()
        await self.handler.revoked()
        self.metrics.disown()

    async def on_stop(self) -> None:
        """Flush a last time when the worker is asked to end."""
        await self._flush_or_die()
        await super().on_stop()

    async def _flush_or_die(self) -> int:
        try:
            return await self.flush()
        except (Exception, PanicException) as error:
            self._die("cannot flush", error)

    async def _look_often(self) -> None:
        """Tell the watchdog that every partition moves, or has nothing to read."""
        rebalancing_since: float | None = None
        while not self.should_stop:
            await self.sleep(_LOOK_SECONDS)
            if self.rebalancing:
                # The other members may take their time to flush, but not for ever.
                rebalancing_since = rebalancing_since or monotonic()
                if monotonic() - rebalancing_since < _REBALANCE_SECONDS:
                    self.watchdog.beat()
                continue
            rebalancing_since = None
            # Positions first: the log may grow, and be read, while its end is asked for.
            try:
                assignment = self.consumer.assignment()
                places = {_of(tp): self.handler.position(_of(tp)) for tp in assignment}
                ends = await self.consumer.highwaters(*assignment) if assignment else {}
            except Exception as error:
                log.warning("cannot see the end of the log", agent=self._name, reason=str(error))
                continue
            positions = {where: at for where, at in places.items() if at is not None}
            logged = {_of(tp): end for tp, end in ends.items()}
            self.metrics.look(logged)
            if self._moves(positions, logged):
                self.watchdog.beat()

    def _moves(
        self, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> bool:
        """Whether no partition stands still before its end."""
        now = monotonic()
        for where, position in positions.items():
            if position > ends[where]:
                self._die(
                    "cannot go on",
                    BrokenGroundError(
                        f"{where.topic}/{where.partition} ends at {ends[where]}, but was read up "
                        f"to {position}: the topic was made anew"
                    ),
                )
            before, since = self._moved.get(where, (-1, now))
            moved = position != before or position == ends[where]
            self._moved[where] = (position, now if moved else since)
        stands = (now - self._moved[where][1] for where in positions)
        return max(stands, default=0.0) < _LOOK_SECONDS * 2

    def _die(self, what: str, error: BaseException) -> NoReturn:
        if isinstance(error, RuntimeStoppedError):
            log.error(what, agent=self._name, reason=str(error))
        else:
            log.error(what, agent=self._name, exc_info=error)
        os._exit(EXIT_FAULT)


def run_worker(app: WorkerApp) -> None:
    """Run the worker in this process until it is told to stop."""
    gc.freeze()  # what was imported needs no looking through
    app.conf.web_enabled = False  # the constructor's setting alone does not keep the port closed
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    app.watchdog.start()
    serve(app.metrics.registry, app.metrics_port)
    worker.execute_from_commandline()


def _of(tp: TP) -> TopicPartition:
    return TopicPartition(tp.topic, tp.partition)
