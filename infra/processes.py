"""The processes of a stack, in the order in which they are started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.settings import Settings


@dataclass(frozen=True)
class ProcessSpec:
    """One process that the supervisor keeps running.

    Attributes:
        argv: the command line.
        env: variables beside the settings, which every process gets.
        address: the setting with the URL at which it serves, its health too; where that is unset,
            the supervisor chooses a port on loopback.
        health: a path of the API that answers 200 once this process serves; None where running
            is all there is to see.
        agent: the agent whose worker this is; it gets a METRICS_PORT and serves its metrics there.
    """

    name: str
    argv: tuple[str, ...]
    description: str
    env: Mapping[str, str] = field(default_factory=dict)
    health: str | None = None
    agent: str | None = None
    address: str | None = None


def _ours(
    name: str,
    description: str,
    *,
    health: str | None = None,
    agent: str | None = None,
    address: str | None = None,
) -> ProcessSpec:
    argv = (sys.executable, "-m", "infra.run", name)
    return ProcessSpec(name, argv, description, health=health, agent=agent, address=address)


PROCESSES: tuple[ProcessSpec, ...] = (
    _ours(
        "virality-agent",
        "folds engagement into virality scores",
        agent="virality",
    ),
    _ours("outlier-agent", "folds snapshots into baselines and finds outliers", agent="outliers"),
    _ours("forecast-agent", "folds snapshots into forecasts of views", agent="forecasts"),
    _ours("actuals-agent", "observes what became of predictions", agent="actuals"),
    _ours("dispatcher", "turns generation requests into queued jobs", agent="dispatcher"),
    _ours("relay", "publishes decided events in commit order"),
    _ours("generation-worker", "renders queued jobs"),
    _ours("analysis-worker", "runs outlier analyses step by step"),
    _ours("webhooks", "tells clients what became of their jobs and predictions"),
    _ours("projector", "folds topics into tables"),
    _ours("api", "serves the tables, takes events, shows the dashboard", health="/health"),
    _ours(
        "youtube-local",
        "speaks YouTube's Data API, over simulated channels",
        health="/_local/health",
        address="youtube_api_endpoint",
    ),
)


def processes(settings: Settings) -> tuple[ProcessSpec, ...]:
    """Those of a stack with these settings: its own Data API only where there is no other."""
    other = settings.youtube_api_key or settings.youtube_api_endpoint
    return tuple(spec for spec in PROCESSES if not (other and spec.name == "youtube-local"))
