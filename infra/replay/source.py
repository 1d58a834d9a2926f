"""A slice of a topic as frames: fetched, decoded and handed over at the same time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl
import structlog
from polars.io.plugins import register_io_source

from infra.replay.keys import stranger, with_key
from infra.settings import Settings
from schemas.chunks import Chunk
from schemas.frames import COORDINATES, Decoded, FrameDecoder
from schemas.redrive import NOBODY
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.kafka.log import Slice, chunks

FIRST_REJECTS = 20  # that are reported with their reasons

# Decoding does not hold the interpreter's lock; fetching and writing need processors too.
_DECODERS = min(len(os.sched_getaffinity(0)), 4)

Progress = Callable[[int, int], None]
Reveal = Callable[[pl.DataFrame], pl.DataFrame]

log = structlog.get_logger()


@dataclass
class Tally:
    """What was read: every record became a row, or is told apart here.

    Attributes:
        records: records of the slice, with the key where one was asked for.
        rows: events.
        rejected: records that could not be decoded or break a rule of their topic.
        tombstones: records without a value, a compacted topic's way to say "forgotten".
        copies: repetitions of refused records (`groundswell dlq redrive`); the records themselves
            are in the log too.
        stranger: a key in a partition that is not its own, where a key was asked for: records of
            that key may be in other partitions as well.
        first_rejects: `topic/partition/offset: reason` of the first of them.
    """

    records: int = 0
    rows: int = 0
    rejected: int = 0
    tombstones: int = 0
    copies: int = 0
    stranger: str | None = None
    first_rejects: list[str] = field(default_factory=list)

    def add(self, chunk: Chunk, decoded: Decoded) -> None:
        """A chunk that was decoded."""
        records, rows, rejected = len(chunk), decoded.frame.height, len(decoded.rejects)
        self.records += records
        self.rows += rows
        self.rejected += rejected
        self.copies += decoded.others
        self.tombstones += records - rows - rejected - decoded.others
        for reject in decoded.rejects[: FIRST_REJECTS - len(self.first_rejects)]:
            where = f"{chunk.topic}/{chunk.partition}/{chunk.offsets[reject.row]}"
            self.first_rejects.append(f"{where}: {reject.reason}")


class Read(NamedTuple):
    """One chunk, decoded; `chunk` and `decoded` are None where it has nothing of the key."""

    behind: int
    chunk: Chunk | None
    decoded: Decoded | None
    stranger: str | None


class LogSource:
    """Slices of one topic, which can be read any number of times.

    Args:
        wanted: the offsets; fixed, so that every reading gives the same rows.
        key: only records with this key.
        partitions: how many the topic has.
    """

    def __init__(
        self,
        settings: Settings,
        topic: Topic,
        wanted: Sequence[Slice],
        *,
        key: str | None = None,
        partitions: int = 0,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._wanted = wanted
        self._key = None if key is None else key.encode()
        self._partitions = partitions
        with Registry(settings.registry_config()) as registry:
            self.schema = FrameDecoder(registry, topic).schema

    def lazy(
        self,
        tally: Tally | None = None,
        progress: Progress | None = None,
        reveal: Reveal | None = None,
    ) -> pl.LazyFrame:
        """The slices as a lazy frame.

        Args:
            tally: of the only reading; without one each reading logs what was left out.
            progress: told how many offsets are behind, of how many.
            reveal: what is done to each frame as it was decoded.
        """

        def frames(
            columns: list[str] | None,
            predicate: pl.Expr | None,
            rows: int | None,
            _size: int | None,
        ) -> Iterator[pl.DataFrame]:
            kept = Tally() if tally is None else tally
            for frame in self._frames(columns, predicate, rows, kept, progress):
                yield frame if reveal is None else reveal(frame)
            if tally is None and kept.rejected:
                log.warning(
                    "records left out of a replay",
                    topic=self._topic.name,
                    count=kept.rejected,
                    first=kept.first_rejects[0],
                )

        return register_io_source(
            frames, schema=self.schema, is_pure=True, explain_name=self._topic.name
        )

    def _frames(
        self,
        columns: list[str] | None,
        predicate: pl.Expr | None,
        rows: int | None,
        tally: Tally,
        progress: Progress | None,
    ) -> Iterator[pl.DataFrame]:
        """Frames as Polars asks for them: first so many rows, of these the predicate's."""
        names = self.schema.names() if columns is None else columns
        needed = {*names, *(predicate.meta.root_names() if predicate is not None else ())}
        total = sum(part.offsets for part in self._wanted)
        left = rows
        with closing(self._read(needed)) as reading:
            for read in reading:
                if progress is not None:
                    progress(read.behind, total)
                tally.stranger = tally.stranger or read.stranger
                if read.chunk is None or read.decoded is None:
                    continue
                tally.add(read.chunk, read.decoded)
                frame = read.decoded.frame
                if left is not None:
                    frame = frame.head(left)
                    left -= frame.height
                if predicate is not None:
                    frame = frame.filter(predicate)
                yield frame.select(names)
                if left == 0:
                    return

    def _read(self, needed: set[str]) -> Generator[Read, None, None]:
        """Decode what is fetched, some chunks at once; they come out in their order."""
        behind = {}
        passed = 0
        for part in self._wanted:
            behind[part.partition] = passed - part.first
            passed += part.offsets
        with (
            Registry(self._settings.registry_config()) as registry,
            closing(chunks(self._settings.kafka_config(), self._wanted)) as fetched,
            ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode") as pool,
        ):
            decoder = FrameDecoder(registry, self._topic, self._fields(needed), address=NOBODY)
            waiting: deque[Future[Read]] = deque()
            for chunk in fetched:
                place = behind[chunk.partition] + chunk.last_offset + 1
                waiting.append(pool.submit(self._decode, decoder, chunk, place))
                if len(waiting) > _DECODERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _decode(self, decoder: FrameDecoder, chunk: Chunk, behind: int) -> Read:
        if self._key is None:
            return Read(behind, chunk, decoder.decode(chunk), None)
        astray = stranger(chunk, self._partitions)
        found = with_key(chunk, self._key)
        return Read(behind, found, None if found is None else decoder.decode(found), astray)

    def _fields(self, needed: set[str]) -> list[str]:
        """Fields to decode: those that rules judge always, so that no choice changes the rows."""
        judged = {name for rule in self._topic.rules for name in rule.columns}
        besides = {*COORDINATES, "_type"}
        wanted = needed | judged | {self._topic.key}
        return [name for name in self.schema if name in wanted and name not in besides]
