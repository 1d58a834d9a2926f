"""The virality agent: engagement events in, scores out."""

from __future__ import annotations

from contextlib import closing

from infra.settings import Settings
from schemas.catalogue import ENGAGEMENT, VIDEO_UPLOADS, VIRALITY_CHANNELS, VIRALITY_SCORES
from schemas.registry import Registry
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.folding import AgentSpec
from streams.follower import TopicFollower
from streams.virality.engaged import EngagedForecasts
from streams.virality.fold import Forecasts, ViralityFold
from streams.virality.reference.channels import Channels
from streams.virality.reference.uploads import Uploads
from streams.virality.registry.watcher import ModelWatcher
from streams.workers import folding_worker, parking

NAME = "virality"

_READ_S = 20.0  # that uploads are waited for; without them scores are the transparent ones


def app(settings: Settings, forecasts: Forecasts | None = None) -> WorkerApp:
    """The Faust app of the agent; without forecasts its scores are the transparent ones."""
    spec = AgentSpec(
        name=NAME,
        source=ENGAGEMENT,
        output=VIRALITY_SCORES,
        fold=ViralityFold(forecasts),
        horizon=settings.duplicate_horizon,
    )
    return folding_worker(spec, settings)


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    registry = Registry(settings.registry_config())
    uploads, channels = Uploads(registry), Channels(registry, parking(settings))
    reference = TopicFollower(
        settings.kafka_config(),
        {VIDEO_UPLOADS: uploads.take, VIRALITY_CHANNELS: channels.take},
    )
    with closing(registry), ModelWatcher(settings) as models, reference:
        reference.read_once(_READ_S)
        run_worker(app(settings, EngagedForecasts(models, uploads, channels)))
