"""A slice of a partition in spans, fetched in a thread of its own while the last one is used."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread

from projections.spans import Span
from schemas.chunks import Chunk
from streams.columnar.kafka.reading import PartitionReader

_AHEAD = 2  # chunks
_LOOK_S = 0.1  # between looks whether anybody still wants them


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: the span, and its records; None where it holds none any more."""

    span: Span
    chunk: Chunk | None


def spans(kafka: Mapping[str, str], wanted: Span) -> Iterator[Read]:
    """All that a span holds, piece by piece and without a break.

    The last chunk may hold records beyond the span's end.

    Raises:
        KafkaError: of aiokafka; the broker refused.
        TimeoutError: the broker stopped answering.
    """
    at = wanted.start
    if at < wanted.end:
        with closing(_chunks(kafka, wanted)) as chunks:
            for chunk in chunks:
                end = min(chunk.last_offset + 1, wanted.end)
                if end > at:
                    yield Read(Span(wanted.topic, wanted.partition, at, end), chunk)
                    at = end
                if at >= wanted.end:
                    return
    if at < wanted.end:
        yield Read(Span(wanted.topic, wanted.partition, at, wanted.end), None)


def _chunks(kafka: Mapping[str, str], wanted: Span) -> Generator[Chunk]:
    queue: Queue[Chunk | BaseException | None] = Queue(_AHEAD)
    stop = Event()
    thread = Thread(target=_fetch, args=(kafka, wanted, queue, stop), daemon=True)
    thread.start()
    try:
        while (found := queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        stop.set()
        thread.join()


def _fetch(
    kafka: Mapping[str, str],
    wanted: Span,
    queue: Queue[Chunk | BaseException | None],
    stop: Event,
) -> None:
    def put(found: Chunk | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                queue.put(found, timeout=_LOOK_S)
            except Full:
                continue
            return True
        return False

    async def fetch() -> None:
        reader = PartitionReader(kafka, wanted.topic, wanted.partition, wanted.start)
        async with reader:
            async for chunk in reader:
                if not await asyncio.to_thread(put, chunk) or chunk.last_offset + 1 >= wanted.end:
                    return

    try:
        asyncio.run(fetch())
    except Exception as error:  # handed to whoever reads
        put(error)
    put(None)
