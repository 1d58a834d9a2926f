"""A Faust transport whose messages are chunks.

Faust's cost is per message, so it gets one message for what a fetch brought of a partition. Its own
bookkeeping of offsets is left out: positions come from the agent's restored state, and commits
from its acknowledged flushes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import structlog
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas.chunks import Chunk
from streams.columnar.kafka import batches, lease
from streams.columnar.options import SCHEME

log = structlog.get_logger()

_COMMIT_S = 30.0


class _Pace(NamedTuple):
    """How long a broker gathers records before it answers a fetch."""

    least_bytes: int
    most_ms: int


# Who waits for nothing in particular wants the first record at once, and few questions.
_IDLE = _Pace(1, 200)
# A chunk costs milliseconds whatever it holds, so records are gathered, but not for long: that is
# freshness. (Neither may be long: questions of a take-over wait behind a fetch that waits.)
_BUSY = _Pace(1 << 20, 50)


class ChunkRecord:
    """A chunk in the shape of a fetched record."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, tp: TP, chunk: Chunk) -> None:
        self.topic = tp.topic
        self.partition = tp.partition
        self.offset = chunk.last_offset
        self.timestamp = chunk.last_timestamp
        self.timestamp_type = None
        self.headers: tuple[()] = ()
        self.key = None
        self.value = chunk
        self.checksum = None
        self.serialized_key_size = 0
        self.serialized_value_size = 0


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads only what transactions have committed, and never waits long for more."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust asks for it only together with its own transactions.
        consumer._isolation_level = "read_committed"
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = _IDLE
        return consumer

    def fetch_at(self, pace: _Pace) -> None:
        """From the next fetch on. For any thread."""
        fetcher = self._ensure_consumer()._fetcher
        fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms = pace


class Consumer(driver.Consumer):
    """Fetches chunks, starts where the agent says, commits what the agent says.

    Taking over partitions can take long: their state is restored. It happens in a task of its own,
    for which fetching waits. Faust's own place for it, the seek after a rebalance, has the time of
    one request, and would let the flow begin after it whatever came of the seek.
    """

    _take_over: asyncio.Task[Mapping[TP, int]] | None = None

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> AsyncIterator[tuple[TP, Any]]:
        """One message a partition. What a stopped flow leaves behind is fetched again."""
        if self._take_over is not None and not await self._taken_over(self._take_over, timeout):
            return
        records, _active = await self._wait_next_records(timeout)
        if self.should_stop or not self.flow_active or self._take_over is not None:
            return
        self._thread.fetch_at(_BUSY if records else _IDLE)
        if not records:
            # Nothing fetched is on its way now, so positions are where the records end.
            self.app.idle_at(await self._positions())
            return
        for tp, fetched in records.items():
            # Always: what was fetched will not come again before the next rebalance.
            if fetched and self.flow_active:
                chunk = Chunk.of_batches(tp.topic, tp.partition, fetched.batches, fetched.start)
                self.app.delivers(chunk)
                yield tp, self._to_message(tp, ChunkRecord(tp, chunk))

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: who delivers waits while the stream's buffer is full, and that is enough.

        Faust would leave the partition out of its fetches. It notices only at the next one that
        the buffer has room again, and a fetch of the other partitions may wait for a second.
        """

    async def perform_seek(self) -> None:
        """Begin to take over the assigned partitions; reading starts where that ends."""
        self.let_go()
        self._take_over = asyncio.create_task(self.app.positions(self.assignment()))

    def let_go(self) -> None:
        """The partitions are being revoked: stop taking over."""
        if self._take_over is not None:
            self._take_over.cancel()
            self._take_over = None

    async def _taken_over(self, task: asyncio.Task[Mapping[TP, int]], seconds: float) -> bool:
        """Wait a while for the take-over; seek and answer True once it is done."""
        await asyncio.wait({task}, timeout=seconds)
        if not task.done() or task.cancelled() or self._take_over is not task:
            return False
        for tp, offset in task.result().items():
            if tp in self.assignment():
                await self._seek(tp, offset)
                # Faust drops what is below its own idea of the position.
                self._read_offset[tp] = offset or None
        self._take_over = None
        return True

    def holds(self, generation: int) -> bool:
        """Whether the partitions of that generation are certainly still ours; see `lease`."""
        coordinator = self._thread._ensure_consumer()._coordinator
        return bool(coordinator.holds(generation))

    async def _positions(self) -> dict[TP, int]:
        """Offset of the next record to fetch, of the partitions that have one."""
        consumer = self._thread._ensure_consumer()

        async def ask() -> dict[TP, int]:
            assignment = consumer._subscription.subscription.assignment
            found = {}
            for tp in assignment.tps if assignment else ():
                state = assignment.state_value(tp)
                if state is not None and state.has_valid_position:
                    found[TP(tp.topic, tp.partition)] = state.position
            return found

        positions: dict[TP, int] = await self._thread.call_thread(ask)
        return positions

    def fetched_end(self, tp: TP) -> int | None:
        """Where the log ended for us when a partition was fetched last; None before that.

        For any thread. Records of a transaction that is open are behind the end.
        """
        consumer = self._thread._consumer
        subscription = consumer._subscription.subscription if consumer else None
        assignment = subscription.assignment if subscription else None
        state = assignment.state_value(TopicPartition(*tp)) if assignment else None
        return state.lso if state else None

    async def committed(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The group's committed offsets; None where there is none."""
        consumer = self._thread._ensure_consumer()

        async def ask() -> dict[TP, int | None]:
            return {tp: await consumer.committed(TopicPartition(*tp)) for tp in partitions}

        found: dict[TP, int | None] = await self._thread.call_thread(ask)
        return found

    async def watermarks(self, partitions: set[TP]) -> dict[TP, tuple[int, int]]:
        """First and next offset of the log."""
        if not partitions:
            return {}
        low, high = await asyncio.gather(
            self.earliest_offsets(*partitions), self.highwaters(*partitions)
        )
        return {tp: (low[tp], high[tp]) for tp in partitions}

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit for the group. It is a hint for the next owner: a failure costs a longer replay.

        Faust's own way would crash the worker on an error and take a failed commit as done.
        """
        consumer = self._thread._ensure_consumer()

        async def commit() -> None:
            assigned = consumer.assignment()
            wanted = {
                TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()
            }
            owned = {tp: offset for tp, offset in wanted.items() if tp in assigned}
            if owned:
                await consumer.commit(owned)

        try:
            # aiokafka repeats what may be repeated without end.
            await asyncio.wait_for(self._thread.call_thread(commit), _COMMIT_S)
        except Exception as error:
            log.warning("commit failed", reason=str(error), offsets=str(dict(offsets)))

    # Faust's bookkeeping, which would hold one integer for every offset within a chunk.

    def ack(self, message: Any) -> bool:
        """Mark a chunk as handed over; nothing is committed by it."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def commit(self, *_: Any, **__: Any) -> bool:
        """Nothing: see `commit_offsets`."""
        return False

    async def _add_gap(self, *_: Any) -> None:
        return

    def verify_event_path(self, *_: Any) -> None:
        """Nothing: the runtime's own watchdog acts, where Faust's would only log."""


class Transport(driver.Transport):
    """aiokafka with chunks."""

    Consumer = Consumer


batches.install()
lease.install()
TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
