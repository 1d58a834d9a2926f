"""Workers of this house: the runtime, told what the settings say."""

from __future__ import annotations

from infra.settings import Settings
from schemas.agents import group_of
from schemas.registry import Registry
from streams.columnar.app import WorkerApp
from streams.columnar.folding import AgentSpec, FoldingHandler
from streams.columnar.handler import ChunkHandler
from streams.columnar.options import WorkerOptions
from streams.columnar.state.quiet import Parking


def worker(
    name: str, handler: ChunkHandler, settings: Settings, *, chunk_records: int | None = None
) -> WorkerApp:
    """A worker of the agent of that name.

    Args:
        chunk_records: see [`WorkerOptions`][streams.columnar.options.WorkerOptions].
    """
    options = WorkerOptions(
        group=group_of(name),
        kafka=settings.kafka_config(),
        flush_seconds=settings.flush_seconds,
        watchdog_seconds=settings.watchdog_seconds,
        metrics_port=settings.metrics_port,
        chunk_records=chunk_records,
    )
    return WorkerApp(name, handler, options)


def folding_worker(
    spec: AgentSpec, settings: Settings, *, chunk_records: int | None = None
) -> WorkerApp:
    """A worker of an agent that folds events into state; `chunk_records` as in `worker`."""
    registry = Registry(settings.registry_config())
    kafka, parked = settings.kafka_config(), parking(settings)
    handler = FoldingHandler(spec, kafka, registry, parked)
    return worker(spec.name, handler, settings, chunk_records=chunk_records)


def parking(settings: Settings) -> Parking | None:
    """When rows of quiet keys leave the memory; None is never."""
    if not settings.park_after_hours:
        return None
    folder = settings.home / "parked"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Parking(after_ms=int(settings.park_after_hours * 3_600_000), folder=folder)
