"""The outlier agent: video snapshots in, what is usual, detections and shifts out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from infra.settings import Settings
from schemas.catalogue import OUTLIER_BASELINES, VIDEO_SNAPSHOTS
from schemas.codec import Codec
from schemas.registry import Registry
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.folding import AgentSpec
from streams.outliers.detection.verdicts import Rule
from streams.outliers.fold import OutlierFold
from streams.outliers.growths import Growths
from streams.outliers.model.growth import Growth
from streams.workers import folding_worker

NAME = "outliers"


def app(settings: Settings, growth: Callable[[], Growth]) -> WorkerApp:
    """The Faust app of the agent."""
    rule = Rule(settings.outlier_multiple, settings.outlier_probability)
    spec = AgentSpec(
        name=NAME,
        source=VIDEO_SNAPSHOTS,
        output=OUTLIER_BASELINES,
        fold=OutlierFold(rule, growth),
        horizon=settings.duplicate_horizon,
    )
    return folding_worker(spec, settings)


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    registry = Registry(settings.registry_config())
    with closing(registry), Growths(settings.kafka_config(), Codec(registry)) as growths:
        run_worker(app(settings, growths))
