"""A topic, or a slice of it, as a table in a file.

Reads the log as it stood when the replay began: it ends by itself. Memory does not grow with the
topic.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from infra.log_reader import opened
from infra.settings import Settings
from infra.tables import WRITERS, TableWriter
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.registry import Registry
from schemas.topic import Topic

FIRST_REJECTS = 20  # that are reported with their reasons

Progress = Callable[[int, int], None]
Reveal = Callable[[pl.DataFrame], pl.DataFrame]


class ReplayError(Exception):
    """A replay cannot be done; the message says why."""


@dataclass
class Replayed:
    """What a replay read: every record became a row, was rejected, or is a tombstone.

    Attributes:
        records: records of the slice, with the key where one was asked for.
        rows: events written.
        rejected: records that could not be decoded or break a rule of their topic.
        tombstones: records without a value, a compacted topic's way to say "forgotten".
        seconds: how long it took.
        first_rejects: `topic/partition/offset: reason` of the first of them.
    """

    records: int = 0
    rows: int = 0
    rejected: int = 0
    tombstones: int = 0
    seconds: float = 0.0
    first_rejects: list[str] = field(default_factory=list)


def replay(
    settings: Settings,
    topic: Topic,
    out: Path,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    key: str | None = None,
    reveal: Reveal | None = None,
    progress: Progress = lambda done, total: None,
) -> Replayed:
    """Write the events of a topic to a file, partition by partition in the order of the log.

    Args:
        out: `.parquet`, `.csv` or `.ndjson`; replaced once everything is written.
        since: from the first record that the log received then or later.
        until: up to the last record that the log received before then.
        key: only records with this key.
        reveal: what is done to each frame; `schemas.personal.opener.Opener` opens sealed fields.
        progress: told how many offsets are behind, of how many.

    Raises:
        ReplayError: the file's name is none of those.
        LogReadError: the topic cannot be read.
    """
    if out.suffix not in WRITERS:
        raise ReplayError(f"{out}: name it *{', *'.join(WRITERS)}")
    directory = out.absolute().parent
    if not directory.is_dir():
        raise ReplayError(f"{directory} is not a directory")
    started = time.monotonic()
    registry = Registry(settings.registry_config())
    decoder = FrameDecoder(registry, topic)
    result = Replayed()
    wanted = None if key is None else key.encode()
    with (
        tempfile.TemporaryDirectory(dir=directory, prefix=".replay-") as parts,
        closing(registry),
        opened(settings.kafka_config()) as reader,
    ):
        writer = WRITERS[out.suffix](Path(parts), decoder.schema)
        slices = reader.slices(topic.name, since, until)
        total = sum(max(last - first, 0) for first, last in slices.values())
        done = 0
        for partition, (first, last) in slices.items():
            for chunk in reader.chunks(topic.name, partition, first, last):
                if len(chunk):
                    progress(done + chunk.last_offset + 1 - first, total)
                    _take(_with_key(chunk, wanted), decoder, writer, result, reveal)
            done += max(last - first, 0)
        progress(total, total)
        shutil.move(writer.close(), out)
    result.seconds = time.monotonic() - started
    return result


def _take(
    chunk: Chunk,
    decoder: FrameDecoder,
    writer: TableWriter,
    result: Replayed,
    reveal: Reveal | None,
) -> None:
    if not len(chunk):
        return
    decoded = decoder.decode(chunk)
    result.records += len(chunk)
    result.rows += decoded.frame.height
    result.rejected += len(decoded.rejects)
    result.tombstones += sum(value is None for value in chunk.values)
    for reject in decoded.rejects[: FIRST_REJECTS - len(result.first_rejects)]:
        where = f"{chunk.topic}/{chunk.partition}/{chunk.offsets[reject.row]}"
        result.first_rejects.append(f"{where}: {reject.reason}")
    writer.write(reveal(decoded.frame) if reveal else decoded.frame)


def _with_key(chunk: Chunk, key: bytes | None) -> Chunk:
    if key is None:
        return chunk
    rows = [row for row, found in enumerate(chunk.keys) if found == key]
    return Chunk(
        chunk.topic,
        chunk.partition,
        [chunk.offsets[row] for row in rows],
        [chunk.timestamps[row] for row in rows],
        [chunk.keys[row] for row in rows],
        [chunk.values[row] for row in rows],
        [chunk.headers[row] for row in rows],
    )
