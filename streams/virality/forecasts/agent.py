"""The forecast agent: video snapshots in, what is known of channels and forecasts out."""

from __future__ import annotations

from contextlib import closing

import structlog

from infra.settings import Settings
from schemas.catalogue import VIDEO_SNAPSHOTS, VIDEO_UPLOADS, VIRALITY_CHANNELS
from schemas.registry import Registry
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.folding import AgentSpec
from streams.follower import TopicFollower
from streams.virality.forecasts.fold import ForecastFold, Forecasts
from streams.virality.forecasts.rows import ForecastRows
from streams.virality.reference.uploads import Uploads
from streams.virality.registry.watcher import ModelWatcher
from streams.workers import folding_worker

NAME = "forecasts"

# A moment is a video with the earlier ones of its channel: what a forecast is made from is some
# 15 kB a record. 10,000 at once take as long as 60,000, and a third of the memory.
_CHUNK_RECORDS = 10_000

_READ_S = 60.0  # that uploads are waited for; they only add to a forecast

log = structlog.get_logger()


def app(settings: Settings, forecasts: Forecasts) -> WorkerApp:
    """The Faust app of the agent."""
    spec = AgentSpec(
        name=NAME,
        source=VIDEO_SNAPSHOTS,
        output=VIRALITY_CHANNELS,
        fold=ForecastFold(forecasts, settings.youtube_data_days),
        horizon=settings.duplicate_horizon,
    )
    return folding_worker(spec, settings, chunk_records=_CHUNK_RECORDS)


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    registry = Registry(settings.registry_config())
    uploads = Uploads(registry)
    follower = TopicFollower(settings.kafka_config(), {VIDEO_UPLOADS: uploads.take})
    with closing(registry), ModelWatcher(settings) as models, follower:
        if not follower.read_once(_READ_S):
            log.warning("forecasts begin without all uploads", known=len(uploads))
        run_worker(app(settings, ForecastRows(models, uploads)))
