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
from schemas.publisher import Publisher, new_event_id
from streams.columnar.kafka.log import slices
from streams.outliers.model.errors import GrowthError
from streams.outliers.model.growth import Growth
from streams.outliers.model.observations import SNAPSHOT_COLUMNS

GROWTH_ID = "default"  # the only one


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


def serving(settings: Settings) -> Growth:
    """What running agents judge by: the newest usable of the topic, else what ships.

    Raises:
        LogReadError: the topic cannot be read.
    """
    wanted = slices(settings.kafka_config(), OUTLIER_GROWTH.name)
    told = LogSource(settings, OUTLIER_GROWTH, wanted).lazy().select("growth_id", "content")
    contents = told.filter(pl.col("growth_id") == GROWTH_ID).collect()["content"]
    for content in reversed(contents.to_list()):
        try:
            return Growth.from_json(content)
        except GrowthError:  # agents pass over it too
            continue
    return Growth.default()


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
