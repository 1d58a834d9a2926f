"""The virality agent: engagement events in, scores out."""

from __future__ import annotations

from infra.settings import Settings
from schemas.catalogue import ENGAGEMENT, VIRALITY_SCORES
from schemas.registry import Registry
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.folding import AgentSpec, FoldingHandler
from streams.virality.fold import ViralityFold

NAME = "virality"


def app(settings: Settings) -> WorkerApp:
    """The Faust app of the agent."""
    spec = AgentSpec(
        name=NAME,
        source=ENGAGEMENT,
        output=VIRALITY_SCORES,
        fold=ViralityFold(),
        horizon=settings.duplicate_horizon,
    )
    registry = Registry(settings.registry_config())
    return WorkerApp(NAME, FoldingHandler(spec, settings.kafka_config(), registry), settings)


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    run_worker(app(settings))
