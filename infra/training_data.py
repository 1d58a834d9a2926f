"""What models are trained on, read from the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import polars as pl

from infra.replay.source import LogSource, Tally
from infra.settings import Settings
from schemas.catalogue import ENGAGEMENT, VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from schemas.topic import Topic
from streams.columnar.kafka.log import Slice, slices
from streams.virality.registry.models import ReadSlice
from streams.virality.training.tables import (
    ENGAGEMENT_COLUMNS,
    SNAPSHOT_COLUMNS,
    UPLOAD_COLUMNS,
    hourly_engagement,
    observations_of,
    videos_of,
)
from streams.virality.training.train import Data


class Show(Protocol):
    """Shows how far a topic is read."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """So many offsets, of so many."""


class Progress(Protocol):
    """Makes what shows a topic's progress."""

    def __call__(self, what: str) -> AbstractContextManager[Show]:
        """For a topic of that name."""


def read_data(
    settings: Settings,
    progress: Progress,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> tuple[Data, tuple[ReadSlice, ...]]:
    """Videos and their counts, as the log has them now.

    Uploads are read from the beginning whatever `since` says: they are what videos are.

    Args:
        since, until: of counts, by when the log received them; `until` is one of uploads too.

    Returns:
        The data, and which offsets it is of.

    Raises:
        LogReadError: a topic cannot be read.
    """
    log = _Log(settings, progress)
    uploads = log.read(VIDEO_UPLOADS, UPLOAD_COLUMNS, None, until, pl.LazyFrame.collect)
    snapshots = log.read(VIDEO_SNAPSHOTS, SNAPSHOT_COLUMNS, since, until, pl.LazyFrame.collect)
    hourly = log.read(ENGAGEMENT, ENGAGEMENT_COLUMNS, since, until, hourly_engagement)
    videos = videos_of(uploads, snapshots)
    topics = (VIDEO_UPLOADS, VIDEO_SNAPSHOTS, ENGAGEMENT)
    data = Data(
        videos,
        observations_of(snapshots, hourly, videos),
        source="the log: " + ", ".join(topic.name for topic in topics),
        facts={
            "since": None if since is None else since.isoformat(),
            "until": None if until is None else until.isoformat(),
            "offsets": {
                f"{one.topic}/{one.partition}": f"{one.first} to {one.last}" for one in log.slices
            },
            "records that could not be used": log.rejected,
        },
    )
    return data, tuple(
        ReadSlice(one.topic, one.partition, one.first, one.last) for one in log.slices
    )


class _Log:
    """Reads topics, and remembers what it read."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self.slices: list[Slice] = []
        self.rejected = 0

    def read(
        self,
        topic: Topic,
        columns: Sequence[str],
        since: dt.datetime | None,
        until: dt.datetime | None,
        collect: Callable[[pl.LazyFrame], pl.DataFrame],
    ) -> pl.DataFrame:
        """Some columns of a topic, collected in some way."""
        wanted = slices(self._settings.kafka_config(), topic.name, since=since, until=until)
        tally = Tally()
        with self._progress(topic.name) as show:
            source = LogSource(self._settings, topic, wanted).lazy(tally, show)
            found = collect(source.select(columns))
        self.slices += wanted
        self.rejected += tally.rejected
        return found
