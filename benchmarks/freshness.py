"""How long after it was published an event is in the score that the API answers with.

Everything runs as in production, with a steady load of engagement events beside it: the virality
agent, the projector, the API. Probes are views of videos that nobody else watches; each is asked
for until it counts.
"""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl

from benchmarks.load import FrameProducer, events
from benchmarks.machine import machine
from benchmarks.measured import started
from infra.processes import PROCESSES
from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Supervisor
from schemas.catalogue import ENGAGEMENT

RATE = 20_000  # events/s
SECONDS = 40.0
_WARM_UP_S = 15.0
_PROBE_EVERY_S = 0.1
_POLL_S = 0.05  # each answer is late by half of that, on average; to ask more often is a load
_GIVE_UP_S = 20.0
_SERVING = ("virality-agent", "projector", "api")


def run(rate: int = RATE, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench freshness --json` prints.

    `ours` is the 99th percentile in seconds; a probe that was not seen in 20 s counts as that.
    """
    processes = [spec for spec in PROCESSES if spec.name in _SERVING]
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        settings = Settings(_env_file=None, groundswell_home=Path(directory))
        with Supervisor(settings, processes=processes, provision=provision) as supervisor:
            late = supervisor.await_running(60)
            if late:
                raise RuntimeError(f"not running: {', '.join(late)}")
            plain = json.loads(supervisor.settings.model_dump_json(exclude_none=True))
            load = started("benchmarks.steady_load", {"settings": plain, "rate": rate})
            try:
                time.sleep(_WARM_UP_S)
                waits = _probed(supervisor.settings, supervisor.api, seconds)
                if load.poll() is not None:
                    raise RuntimeError("the load ended by itself")
            finally:
                load.kill()
                load.wait()
    p50, p90, p99 = np.quantile(waits, (0.5, 0.9, 0.99)).round(3).tolist()
    return {
        "name": "freshness",
        "ours": p99,
        "unit": "s (p99)",
        "p50": p50,
        "p90": p90,
        "p99": p99,
        "max": round(max(waits), 3),
        "probes": len(waits),
        "load": rate,
        "peers": {},
        "ratios": {},
        "machine": machine(),
    }


def _probed(settings: Settings, api: str, seconds: float) -> list[float]:
    producer = FrameProducer(settings, ENGAGEMENT, **{"linger.ms": 0})
    rng = np.random.default_rng(3)
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    headers = {"X-API-Key": key}
    with httpx.Client(base_url=api, headers=headers) as client, ThreadPoolExecutor(16) as pool:
        asked = []
        begin = time.monotonic()
        for number in range(int(seconds / _PROBE_EVERY_S)):
            time.sleep(max(0.0, begin + number * _PROBE_EVERY_S - time.monotonic()))
            name = f"probe{number}"
            frame = events(rng, number, 1, int(time.time() * 1e6), 0).with_columns(
                video_id=pl.lit(name), event_id=pl.lit(name), kind=pl.lit("view")
            )
            published = time.monotonic()
            producer.send(frame.cast({"kind": events(rng, 0, 1, 0, 0).schema["kind"]}))
            asked.append(pool.submit(_seen, client, name, published))
        producer.acknowledged()
        return [wait.result() for wait in asked]


def _seen(client: httpx.Client, video: str, published: float) -> float:
    """Seconds until the API knows the video."""
    while True:
        answer = client.get(f"/api/v1/virality/{video}")
        if answer.status_code not in (200, 404):
            answer.raise_for_status()
        waited = time.monotonic() - published
        if answer.status_code == 200 and answer.json()["views"] == 1:
            return waited
        if waited > _GIVE_UP_S:
            return _GIVE_UP_S
        time.sleep(_POLL_S)
