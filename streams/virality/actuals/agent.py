"""The actuals agent: counts of videos in, what became of predictions out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import closing

import polars as pl

from infra.settings import Settings
from schemas.catalogue import VIDEO_UPLOADS, VIRALITY_PREDICTIONS
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.columnar.app import run_worker
from streams.follower import TopicFollower
from streams.virality.actuals.handler import NAME, ActualsHandler
from streams.virality.actuals.pending import Pending
from streams.virality.reference.uploads import Uploads
from streams.workers import worker

_CATCH_UP_S = 60.0  # beyond it the worker gives up and is started again


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    kafka = settings.kafka_config()
    registry = Registry(settings.registry_config())
    pending, uploads = Pending(registry), Uploads(registry)
    publisher = Publisher(kafka, Codec(registry), source="groundswell/actuals")
    predictions = TopicFollower(kafka, {VIRALITY_PREDICTIONS: pending.take})
    videos = TopicFollower(kafka, {VIDEO_UPLOADS: uploads.take})
    with closing(registry), predictions, videos:
        handler = ActualsHandler(
            pending,
            lambda: predictions.catch_up(_CATCH_UP_S),
            Publications(uploads),
            publisher,
            registry,
        )
        run_worker(worker(NAME, handler, settings))


class Publications:
    """When videos were published, as their uploads say."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def __call__(self, videos: Sequence[str]) -> Mapping[str, dt.datetime]:
        """Those of the videos that have an upload."""
        rows = self._uploads.rows(pl.Series("video_id", videos, pl.String()))
        known = rows.drop_nulls("published_at").select("video_id", "published_at")
        return dict(known.iter_rows())
