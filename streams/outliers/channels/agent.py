"""The channel-shift agent: channel snapshots in, views a day and shifts out."""

from __future__ import annotations

from infra.settings import Settings
from schemas.catalogue import CHANNEL_SNAPSHOTS, OUTLIER_CHANNEL_VIEWS
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.folding import AgentSpec
from streams.outliers.channels.fold import ChannelShiftFold
from streams.workers import folding_worker

NAME = "channel-shifts"


def app(settings: Settings) -> WorkerApp:
    """The Faust app of the agent."""
    spec = AgentSpec(
        name=NAME,
        source=CHANNEL_SNAPSHOTS,
        output=OUTLIER_CHANNEL_VIEWS,
        fold=ChannelShiftFold(),
        horizon=settings.duplicate_horizon,
    )
    return folding_worker(spec, settings)


def main(settings: Settings) -> None:
    """Run the agent in this process."""
    run_worker(app(settings))
