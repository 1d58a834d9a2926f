"""How long after a request was published its provider is called, when nothing else goes on.

Dispatcher and worker run as in production but for the provider, which does nothing. By the time it
is called, the attempt is in the story as started. The relay runs beside them; it is not in the way.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.generation import a_request, calls_of, publisher, running, workers
from benchmarks.machine import machine
from schemas.catalogue import GENERATION_REQUESTS
from schemas.publisher import Publisher, new_event_id

PROBES = 300
BAR_MS = 300.0  # of p99
_PAUSE_S = (0.05, 0.25)  # between two requests, at random: no phase of any interval is preferred
_WARM_UP = 10  # requests that are not counted
_GIVE_UP_S = 20.0


def run(probes: int = PROBES) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench dispatch --json` prints. `ours` is p99.

    A request whose provider was not called within 20 s counts as that.
    """
    with running("dispatcher", "relay") as settings, workers(settings, 1, 1):
        door = publisher(settings)
        calls = calls_of(settings)
        published = _published(door, _WARM_UP)
        _called(calls, published)
        published = _published(door, probes)
        called = _called(calls, published)
    waits = [1e3 * (called.get(job, at + _GIVE_UP_S) - at) for job, at in published.items()]
    p50, p90, p99 = np.quantile(waits, (0.5, 0.9, 0.99)).round(1).tolist()
    return {
        "name": "dispatch",
        "ours": p99,
        "unit": "ms (p99)",
        "bar": BAR_MS,
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "max_ms": round(max(waits), 1),
        "probes": len(waits),
        "peers": {},
        "ratios": {},
        "machine": machine(),
    }


def _published(door: Publisher, count: int) -> dict[str, float]:
    """Jobs asked for, and when (seconds since 1970)."""
    chance = random.Random(1)
    published = {}
    for number in range(count):
        time.sleep(chance.uniform(*_PAUSE_S))
        job_id = new_event_id()
        published[job_id] = time.time()
        door.publish(GENERATION_REQUESTS, a_request(number, job_id))
        door.flush()
    return published


def _called(calls: Path, jobs: dict[str, float]) -> dict[str, float]:
    """When the provider was called for each of the jobs."""
    deadline = time.monotonic() + _GIVE_UP_S
    while True:
        lines = calls.read_text().splitlines()
        found = {line.partition(":")[0]: float(line.split()[1]) for line in lines}
        if found.keys() >= jobs.keys() or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:2])), indent=1))
