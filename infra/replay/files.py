"""A topic, or a slice of it, as a table in a file."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from infra.replay.errors import ReplayError
from infra.replay.formats import SINKS, sink_for
from infra.replay.frame import source
from infra.replay.source import Progress, Reveal, Tally
from infra.settings import Settings
from schemas.topic import Topic


@dataclass
class Replayed(Tally):
    """What was read, and how many seconds it took."""

    seconds: float = 0.0


def write(
    settings: Settings,
    topic: Topic,
    out: Path,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    key: str | None = None,
    partitions: Collection[int] | None = None,
    reveal: Reveal | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Write the events of a topic to a file, partition by partition in the order of the log.

    It reads the log as it stood when it began, and what `infra.replay.replay` reads of it. Memory
    does not grow with the topic.

    Args:
        out: named as one of `SINKS`; replaced once everything is written.
        reveal: what is done to each frame; `schemas.personal.opener.Opener` opens sealed fields.
        progress: told how many offsets are behind, of how many.

    Raises:
        ReplayError: the file cannot be made there, or `until` is not after `since`.
        LogReadError: the topic cannot be read.
    """
    sink = sink_for(out)
    if sink is None:
        raise ReplayError(f"{out}: name it *{', *'.join(SINKS)}")
    directory = out.absolute().parent
    if not directory.is_dir():
        raise ReplayError(f"{directory} is not a directory")
    started = time.monotonic()
    log = source(settings, topic, since=since, until=until, key=key, partitions=partitions)
    result = Replayed()
    with tempfile.TemporaryDirectory(dir=directory, prefix=".replay-") as parts:
        whole = Path(parts) / out.name
        sink(log.lazy(result, progress, reveal), whole)
        whole.replace(out)
    result.seconds = time.monotonic() - started
    return result
