"""Ours: the whole virality agent, from fetch to acknowledged scores and committed offsets.

It reads the backlog, and stops the clock when the group's committed offsets have reached its end:
by then every score is acknowledged.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from time import perf_counter, process_time
from typing import Any

from benchmarks.machine import resident_mib
from infra.settings import Settings
from schemas.catalogue import VIDEO_UPLOADS
from schemas.chunks import Chunk
from schemas.registry import Registry
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.handler import TopicPartition
from streams.follower import TopicFollower
from streams.virality.agent import app
from streams.virality.engaged import EngagedForecasts
from streams.virality.models.forecaster import Forecaster
from streams.virality.reference.channels import Channels
from streams.virality.reference.uploads import Uploads

_EVERY = 1_000_000  # events between two looks at the memory


def main(settings: dict[str, Any], events: int, forecasts: bool = False, **_: Any) -> None:
    found = Settings(_env_file=None, **settings)
    worker: WorkerApp = app(found, _forecasts(found) if forecasts else None)
    handler = worker.handler
    expect, flush = handler.expect, worker.flush
    started = 0.0
    memory: list[tuple[int, int]] = []

    def timed_expect(chunk: Chunk) -> None:
        nonlocal started
        started = started or perf_counter()
        expect(chunk)

    async def timed_flush() -> int:
        gone = await flush()
        done: Mapping[TopicPartition, int] = worker._committed
        passed = sum(done.values())
        if passed - (memory[-1][0] if memory else 0) >= _EVERY:
            memory.append((passed, round(resident_mib())))
        if passed >= events:
            facts = {
                "events": events,
                "seconds": perf_counter() - started,
                "cpu": process_time(),
                "rss_mib": memory,
            }
            line = json.dumps(facts)
            os.write(1, line.encode())
            os._exit(0)
        return gone

    handler.expect = timed_expect  # type: ignore[method-assign]
    worker.flush = timed_flush  # type: ignore[method-assign]
    run_worker(worker)


class _Default:
    """The model that ships serves."""

    serving = Forecaster.default()


def _forecasts(settings: Settings) -> EngagedForecasts:
    """As the agent makes them, with every upload read before the clock starts."""
    registry = Registry(settings.registry_config())
    uploads = Uploads(registry)
    follower = TopicFollower(settings.kafka_config(), {VIDEO_UPLOADS: uploads.take})
    follower.start()
    follower.catch_up(120)
    return EngagedForecasts(_Default, uploads, Channels())


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
