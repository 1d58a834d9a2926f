"""The virality agent: engagement events in, scores out."""

from __future__ import annotations

from infra.settings import Settings
from schemas.catalogue import ENGAGEMENT, VIRALITY_SCORES
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.folding import AgentSpec
from streams.virality.fold import ViralityFold
from streams.workers import folding_worker

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
    return folding_worker(spec, settings)


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    run_worker(app(settings))
