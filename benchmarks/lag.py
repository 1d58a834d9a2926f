"""How long after it was published a score row is in PostgreSQL, at a steady load of such rows.

The projector runs as in production, alone; each probe is a row of a video of its own.
"""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
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
    sent: SimpleQueue[tuple[str, float] | None] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(_watched, settings.dsn, sent)
        begin = time.monotonic()
        try:
            for number in range(int(seconds / _PROBE_EVERY_S)):
                time.sleep(max(0.0, begin + number * _PROBE_EVERY_S - time.monotonic()))
                published = time.monotonic()
                producer.send(row.with_columns(video_id=pl.lit(f"probe{number}")))
                sent.put((f"probe{number}", published))
            producer.acknowledged()
        finally:
            sent.put(None)
        return waits.result()


def _watched(dsn: str, sent: SimpleQueue[tuple[str, float] | None]) -> list[float]:
    """Seconds until each video that was sent is in the table; None is sent after the last.

    One connection asks for all that are missing, every 10 ms. A connection for each would cost the
    two cores that are measured more than the question: it is a process and a password's hash.
    """
    waits: list[float] = []
    missing: dict[str, float] = {}
    more = True
    with psycopg.connect(dsn, autocommit=True) as connection:
        while more or missing:
            while not sent.empty():
                probe = sent.get()
                more = probe is not None
                missing.update([probe] if probe else [])
            query = "SELECT video_id FROM virality_scores WHERE video_id = ANY(%s)"
            found = connection.execute(query, (list(missing),)).fetchall()
            now = time.monotonic()
            waits += [now - missing.pop(video) for (video,) in found]
            late = [video for video, at in missing.items() if now - at > _GIVE_UP_S]
            waits += [_GIVE_UP_S for video in late if missing.pop(video)]
            time.sleep(_POLL_S)
    return waits
