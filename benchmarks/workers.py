"""Two workers of a group beside one, on the same four partitions.

Each worker is bound to one core of its own, so that the second one brings something: a single
worker that may use two cores decodes on one and folds on the other. On a machine of two cores one
worker leaves the other core to the broker, two workers have to share with it; so there is a second
ratio, by processor time of the busiest worker: an estimate of what the second one brings where the
broker is elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engagement import forget
from benchmarks.load import publish
from benchmarks.machine import machine, processor_seconds
from benchmarks.measured import started
from benchmarks.servers import servers
from infra.settings import Settings
from schemas.agents import group_of
from schemas.catalogue import ENGAGEMENT
from streams.columnar.kafka.groups import GroupOffsets

EVENTS = 6_000_000
RUNS = 5
_PATIENCE_S = 120.0


def run(events: int = EVENTS, runs: int = RUNS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench workers --json` prints."""
    cores = sorted(os.sched_getaffinity(0))
    with servers() as settings:
        publish(settings, events)
        taken = []
        for _ in range(runs):
            one, busy_one = _seconds(settings, events, [[cores[0]]])
            two, busy_two = _seconds(settings, events, [[cores[0]], [cores[-1]]])
            taken.append(
                {
                    "one_worker": round(events / one, 1),
                    "two_workers": round(events / two, 1),
                    "one_worker_busy_s": round(busy_one, 2),
                    "two_workers_busy_s": round(busy_two, 2),
                }
            )
    one, two = (median(turn[name] for turn in taken) for name in ("one_worker", "two_workers"))
    own_core = [turn["one_worker_busy_s"] / turn["two_workers_busy_s"] for turn in taken]
    return {
        "name": "workers",
        "ours": two,
        "unit": "events/s",
        "peers": {"one_worker": one},
        "ratios": {
            "one_worker": round(two / one, 2),
            "one_worker_by_processor_time": round(median(own_core), 2),
        },
        "runs": taken,
        "events": events,
        "machine": machine(),
    }


def _seconds(settings: Settings, events: int, cores: list[list[int]]) -> tuple[float, float]:
    """From the gate's opening until the group has committed everything.

    Returns:
        Seconds, and seconds of processor time of the worker that took most.
    """
    forget(settings)
    plain = json.loads(settings.model_dump_json(exclude_none=True))
    with tempfile.TemporaryDirectory(prefix="groundswell-gate-") as directory:
        gate = Path(directory) / "open"
        workers = [_start(plain, gate, mine) for mine in cores]
        try:
            time.sleep(12)  # the group settles; workers wait with their first chunks
            before = [processor_seconds(worker.pid) for worker in workers]
            gate.touch()
            seconds = _until_committed(settings, events)
            spent = zip(workers, before, strict=True)
            return seconds, max(
                processor_seconds(worker.pid) - earlier for worker, earlier in spent
            )
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


def _start(settings: dict[str, Any], gate: Path, cores: list[int]) -> subprocess.Popen[bytes]:
    arguments = {"settings": settings, "gate": str(gate), "cores": cores}
    threads = {"POLARS_MAX_THREADS": str(len(cores))}
    return started("benchmarks.gated_worker", arguments, threads)


def _until_committed(settings: Settings, events: int) -> float:
    started = time.perf_counter()
    places = [(ENGAGEMENT.name, number) for number in range(ENGAGEMENT.partitions)]
    with closing(GroupOffsets(settings.kafka_config(), group_of("virality"))) as group:
        while sum(group.committed(places, 10).values()) < events:
            if time.perf_counter() - started > _PATIENCE_S:
                raise RuntimeError("the workers did not come to the end")
            time.sleep(0.02)
    return time.perf_counter() - started
