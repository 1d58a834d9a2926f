"""How long after it was published a score row is in PostgreSQL, at a steady load of such rows.

The projector runs as in production, alone; each probe is a row of a video of its own.
"""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg

from benchmarks.load import FrameProducer
from benchmarks.machine import machine
from benchmarks.measured import started
from benchmarks.scores import batches
from infra.processes import PROCESSES
from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Supervisor
from schemas.catalogue import VIRALITY_SCORES

RATE = 20_000  # rows/s
SECONDS = 40.0
_WARM_UP_S = 15.0
_PROBE_EVERY_S = 0.1
_POLL_S = 0.01
_GIVE_UP_S = 20.0


def run(rate: int = RATE, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench lag --json` prints.

    `ours` is the 99th percentile in seconds; a probe that was not seen in 20 s counts as that.
    """
    processes = [spec for spec in PROCESSES if spec.name == "projector"]
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        settings = Settings(_env_file=None, groundswell_home=Path(directory))
        with Supervisor(settings, processes=processes, provision=provision) as supervisor:
            late = supervisor.await_running(60)
            if late:
                raise RuntimeError(f"not running: {', '.join(late)}")
            plain = json.loads(supervisor.settings.model_dump_json(exclude_none=True))
            load = started("benchmarks.steady_scores", {"settings": plain, "rate": rate})
            try:
                time.sleep(_WARM_UP_S)
                waits = _probed(supervisor.settings, seconds)
                if load.poll() is not None:
                    raise RuntimeError("the load ended by itself")
            finally:
                load.kill()
                load.wait()
    p50, p90, p99 = np.quantile(waits, (0.5, 0.9, 0.99)).round(3).tolist()
    return {
        "name": "lag",
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


def _probed(settings: Settings, seconds: float) -> list[float]:
    producer = FrameProducer(settings, VIRALITY_SCORES, **{"linger.ms": 0})
    row = next(batches(1)).head(1)
    with ThreadPoolExecutor(16) as pool:
        asked = []
        begin = time.monotonic()
        for number in range(int(seconds / _PROBE_EVERY_S)):
            time.sleep(max(0.0, begin + number * _PROBE_EVERY_S - time.monotonic()))
            published = time.monotonic()
            producer.send(row.with_columns(video_id=pl.lit(f"probe{number}")))
            asked.append(pool.submit(_seen, settings.dsn, f"probe{number}", published))
        producer.acknowledged()
        return [wait.result() for wait in asked]


def _seen(dsn: str, video: str, published: float) -> float:
    """Seconds until the video is in the table."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = "SELECT 1 FROM virality_scores WHERE video_id = %s"
        while True:
            found = connection.execute(query, (video,)).fetchone()
            waited = time.monotonic() - published
            if found is not None:
                return waited
            if waited > _GIVE_UP_S:
                return _GIVE_UP_S
            time.sleep(_POLL_S)
