"""What `groundswell train outliers` reads of the log, and what it tells the log."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import polars as pl

from infra.replay.source import LogSource, Tally
from infra.settings import Settings
from schemas.catalogue import OUTLIER_GROWTH, VIDEO_SNAPSHOTS
from schemas.codec import Codec
from schemas.errors import SchemaError
from schemas.publisher import Publisher, new_event_id
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.kafka.log import chunks, slices
from streams.outliers.growths import GROWTH_ID, taken_over
from streams.outliers.model.errors import GrowthError
from streams.outliers.model.growth import Growth
from streams.outliers.model.observations import SNAPSHOT_COLUMNS


class Show(Protocol):
    """Shows how far a topic is read."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """So many offsets, of so many."""


class Progress(Protocol):
    """Makes what shows a topic's progress."""

    def __call__(self, what: str) -> AbstractContextManager[Show]:
        """For a topic of that name."""


def read_snapshots(
    settings: Settings,
    progress: Progress,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Snapshots of videos as the log has them now.

    Args:
        since, until: by when the log received them.

    Returns:
        `SNAPSHOT_COLUMNS`, and where they are from: topic, offsets, and how many records could not
        be used.

    Raises:
        LogReadError: the topic cannot be read.
    """
    wanted = slices(settings.kafka_config(), VIDEO_SNAPSHOTS.name, since=since, until=until)
    tally = Tally()
    with progress(VIDEO_SNAPSHOTS.name) as show:
        source = LogSource(settings, VIDEO_SNAPSHOTS, wanted).lazy(tally, show)
        found = source.select(SNAPSHOT_COLUMNS).collect()
    return found, {
        "topic": VIDEO_SNAPSHOTS.name,
        "offsets": {str(one.partition): [one.first, one.last] for one in wanted},
        "records that could not be used": tally.rejected,
    }


def serving(settings: Settings, topic: Topic = OUTLIER_GROWTH) -> Growth:
    """What running agents judge by: the newest usable of the topic, else what ships.

    Raises:
        LogReadError: the topic cannot be read.
    """
    kafka, growth = settings.kafka_config(), Growth.default()
    with Registry(settings.registry_config()) as registry:
        codec = Codec(registry)
        for chunk in chunks(kafka, slices(kafka, topic.name, partitions=[0])):
            for record in zip(chunk.keys, chunk.values, chunk.headers, strict=True):
                try:
                    growth = taken_over(codec, topic, *record) or growth
                except (SchemaError, GrowthError):  # agents pass over it too
                    continue
    return growth


def publish(
    publisher: Publisher,
    growth: Growth,
    *,
    learned_from: Mapping[str, Any],
    evaluation: Mapping[str, Any],
) -> None:
    """Tell the log: GrowthLearned, which running agents take up.

    Raises:
        PublishError: the broker does not take it.
    """
    publisher.publish(
        OUTLIER_GROWTH,
        {
            "event_id": new_event_id(),
            "occurred_at": dt.datetime.now(dt.UTC),
            "growth_id": GROWTH_ID,
            "growth": growth.version,
            "content": growth.to_json(),
            "learned_from": json.dumps(learned_from),
            "evaluation": json.dumps(evaluation),
        },
    )
    publisher.flush()
