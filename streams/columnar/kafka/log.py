"""Slices of the log as it stands now, read once and outside any group, in whole chunks."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.chunks import Chunk
from streams.columnar.kafka.reading import PartitionReader

_ANSWER_S = 30.0  # without an answer for so long the broker counts as away
_AHEAD = 3  # chunks of at most 4 MiB as they came, fetched before somebody asks for them

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


class LogReadError(Exception):
    """A topic cannot be read; the message says which and why."""


class Slice(NamedTuple):
    """Offsets of a partition from `first` to the one before `last`."""

    topic: str
    partition: int
    first: int
    last: int

    @property
    def offsets(self) -> int:
        """How many offsets it has; records may be fewer."""
        return max(self.last - self.first, 0)


def slices(
    kafka: dict[str, str],
    topic: str,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    partitions: Collection[int] | None = None,
    committed: bool = True,
) -> list[Slice]:
    """Where each partition begins and ends now, in the order of their numbers.

    Args:
        since: from the first record that the log received then or later.
        until: up to the last record that the log received before then.
        partitions: only these; None is all.
        committed: end before the first transaction that is still open.

    Raises:
        LogReadError: the topic or a partition does not exist, or the broker does not answer.
    """
    with _explained(topic):
        ends = _Offsets(kafka, topic, partitions, committed)
        high = ends.asked(OffsetSpec.latest())
        low = ends.asked(OffsetSpec.earliest())
        first = low if since is None else ends.at(since, high)
        last = high if until is None else ends.at(until, high)
        return [Slice(topic, one, max(first[one], low[one]), last[one]) for one in ends.partitions]


def partition_count(kafka: dict[str, str], topic: str) -> int:
    """How many partitions a topic has.

    Raises:
        LogReadError: it does not exist, or the broker does not answer.
    """
    with _explained(topic):
        return len(_partitions(_admin(kafka), topic))


def chunks(
    kafka: dict[str, str], wanted: Sequence[Slice], *, committed: bool = True
) -> Generator[Chunk, None, None]:
    """The records of slices, one slice after the other. No chunk has records beyond its slice.

    Fetching goes on in a thread of its own, a few chunks ahead. Close the iterator where it is not
    read to its end.

    Args:
        committed: leave out what transactions have taken back.

    Raises:
        LogReadError: the broker refuses or does not answer, or retention has removed records.
    """
    parts = [part for part in wanted if part.offsets]
    if not parts:
        return
    fetching = _Fetching(kafka, parts, committed)
    try:
        with _explained(parts[0].topic):
            yield from fetching
    finally:
        fetching.close()


class _Offsets:
    """Asks for offsets of some partitions of a topic."""

    def __init__(
        self,
        kafka: dict[str, str],
        topic: str,
        partitions: Collection[int] | None,
        committed: bool,
    ) -> None:
        self._admin = _admin(kafka)
        self._topic = topic
        self._level = (
            IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        )
        known = _partitions(self._admin, topic)
        self.partitions = sorted(known if partitions is None else set(partitions))
        strange = set(self.partitions) - set(known)
        if strange:
            raise LogReadError(
                f"{topic} has no partition {min(strange)}; it has {', '.join(map(str, known))}"
            )

    def asked(self, which: OffsetSpec) -> dict[int, int]:
        """An offset of each partition; below zero where there is none."""
        places = [TopicPartition(self._topic, partition) for partition in self.partitions]
        answers = self._admin.list_offsets(
            dict.fromkeys(places, which), isolation_level=self._level, request_timeout=_ANSWER_S
        )
        return {place.partition: int(answers[place].result().offset) for place in places}

    def at(self, instant: dt.datetime, high: Mapping[int, int]) -> dict[int, int]:
        """The first offset that was received at an instant or later; the end if there is none."""
        # The log counts in milliseconds: what it received within one was received at its beginning.
        millis = -((_EPOCH - instant) // _MILLISECOND)
        found = self.asked(OffsetSpec.for_timestamp(millis))
        return {
            partition: end if found[partition] < 0 else min(found[partition], end)
            for partition, end in high.items()
        }


class _Fetching:
    """Chunks that a thread fetches, at most so many ahead of whoever iterates."""

    def __init__(self, kafka: dict[str, str], parts: Sequence[Slice], committed: bool) -> None:
        self._kafka = kafka
        self._parts = parts
        self._committed = committed
        self._ready: SimpleQueue[Chunk | Exception | None] = SimpleQueue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._fetch())
        self._thread = Thread(target=self._run, name="fetch", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Chunk]:
        while (found := self._ready.get()) is not None:
            if isinstance(found, Exception):
                raise found
            self._in_loop(self._room.release)
            yield found

    def close(self) -> None:
        """Stop fetching."""
        self._in_loop(self._task.cancel)
        self._thread.join()

    def _in_loop(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # closed: everything is fetched
            self._loop.call_soon_threadsafe(call)

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _fetch(self) -> None:
        try:
            for part in self._parts:
                reader = PartitionReader(self._kafka, *part, committed=self._committed)
                try:
                    async with reader:
                        async for chunk in reader:
                            await self._room.acquire()
                            self._ready.put(chunk)
                except TimeoutError:
                    raise LogReadError(
                        f"{part.topic}/{part.partition}: nothing came at offset "
                        f"{reader.position} of {part.last}: is Kafka up?"
                    ) from None
            self._ready.put(None)
        except Exception as error:
            self._ready.put(error)


def _admin(kafka: Mapping[str, str]) -> AdminClient:
    # What goes wrong comes as an error; librdkafka's own lines would stand among a command's.
    return AdminClient({**kafka, "log_level": 0})


def _partitions(admin: AdminClient, topic: str) -> list[int]:
    found = admin.list_topics(topic, timeout=_ANSWER_S).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return sorted(found.partitions)


@contextmanager
def _explained(topic: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise LogReadError(f"{topic} cannot be read: {error.args[0].str()}") from None
    except OffsetOutOfRangeError as error:
        [(where, offset)] = error.args[0].items()
        raise LogReadError(
            f"{topic}/{where.partition} has no offset {offset} any more: retention has removed it "
            "since the slice was made, or the topic was made anew. Make the slice again"
        ) from None
    except KafkaError as error:
        raise LogReadError(f"{topic} cannot be read: {error}") from None
