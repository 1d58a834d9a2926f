"""A scenario as batches of events, or as lines of a file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from infra.ingest.rows import LINE, Batch
from infra.simulator.engagement import engagement
from infra.simulator.identity import event_ids
from infra.simulator.scenario import Scenario
from infra.simulator.snapshots import channel_snapshots, video_snapshots
from infra.simulator.world import World
from schemas.catalogue import CHANNEL_SNAPSHOTS, ENGAGEMENT, VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from schemas.topic import Topic

NAME = "simulator"  # stands for the file's name in reports

_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"


def frames(scenario: Scenario, world: World) -> Iterator[tuple[Topic, pl.DataFrame]]:
    """All events: uploads, snapshots of videos and channels, then engagement as it arrives."""
    yield VIDEO_UPLOADS, _uploads(scenario, world)
    yield VIDEO_SNAPSHOTS, video_snapshots(scenario, world)
    yield CHANNEL_SNAPSHOTS, channel_snapshots(scenario, world)
    for frame in engagement(scenario, world):
        yield ENGAGEMENT, frame


def batches(scenario: Scenario, world: World, rate: float | None = None) -> Iterator[Batch]:
    """The events as an ingest takes them.

    Args:
        rate: events per second to hand out; None is as fast as they are taken.
    """
    started, given = time.monotonic(), 0
    size = 20_000 if rate is None else max(1, round(rate / 5))
    for topic, frame in frames(scenario, world):
        for part in frame.with_row_index(LINE, given + 1).iter_slices(size):
            if rate is not None:
                time.sleep(max(0.0, started + given / rate - time.monotonic()))
            given += part.height
            yield Batch(topic, NAME, part)


def write(scenario: Scenario, world: World, path: Path) -> dict[str, int]:
    """Write the events as NDJSON, each line with its `_topic`; `ingest` reads it back.

    Returns:
        Events per topic.
    """
    counts: dict[str, int] = {}
    with path.open("wb") as file:
        for topic, frame in frames(scenario, world):
            lines = frame.with_columns(
                pl.col(name).dt.strftime(_TIME)
                for name, dtype in frame.schema.items()
                if dtype.is_temporal()
            ).write_ndjson()
            head = f'{{"_topic":{json.dumps(topic.name)},'
            for line in lines.rstrip("\n").split("\n"):
                file.write(f"{head}{line[1:]}\n".encode())
            counts[topic.name] = counts.get(topic.name, 0) + frame.height
    return counts


def _uploads(scenario: Scenario, world: World) -> pl.DataFrame:
    videos = world.videos
    return videos.select(
        event_ids(scenario.generator("uploads"), videos.height),
        pl.col("published_at").alias("occurred_at"),
        "video_id",
        "channel_id",
        "title",
        pl.lit(None, dtype=pl.String).alias("description"),
        "duration_s",
        "category",
        "language",
        "tags",
        "published_at",
    )
