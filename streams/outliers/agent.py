"""The outlier agent: video snapshots in, baselines and detections out."""

from __future__ import annotations

from infra.settings import Settings
from schemas.catalogue import OUTLIER_BASELINES, VIDEO_SNAPSHOTS
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.folding import AgentSpec
from streams.outliers.fold import OutlierFold
from streams.workers import folding_worker

NAME = "outliers"


def app(settings: Settings) -> WorkerApp:
    """The Faust app of the agent."""
    spec = AgentSpec(
        name=NAME,
        source=VIDEO_SNAPSHOTS,
        output=OUTLIER_BASELINES,
        fold=OutlierFold(settings.outlier_multiple, settings.outlier_z),
        horizon=settings.duplicate_horizon,
    )
    return folding_worker(spec, settings)


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    run_worker(app(settings))
