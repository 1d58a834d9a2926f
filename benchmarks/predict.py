"""How long `POST /predict` takes at 200 requests a second, with everything as in production.

A real stack with API and projector; the requests come from another process of the same machine, no
two are the same, half of the channels they name have a history. Every answer waits for the broker:
the prediction is in the log before it is told.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.machine import machine, processor_seconds
from benchmarks.measured import measured_facts
from infra.processes import PROCESSES
from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Supervisor

RATE = 200  # requests/s
SECONDS = 30.0
BAR_MS, STRETCH_MS = 50.0, 15.0  # of p95
_SERVING = ("projector", "api")
_CHANNELS, _VIDEOS = 50, 20  # videos of every second channel


def run(rate: int = RATE, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench predict --json` prints. `ours` is p95."""
    processes = [spec for spec in PROCESSES if spec.name in _SERVING]
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        settings = Settings(_env_file=None, groundswell_home=Path(directory))
        _take_compiled(settings)
        with Supervisor(settings, processes=processes, provision=provision) as supervisor:
            late = supervisor.await_running(60)
            if late:
                raise RuntimeError(f"not running: {', '.join(late)}")
            key = supervisor.settings.api_key
            secret = key.get_secret_value() if key else ""
            stack = json.loads(supervisor.settings.stack_file.read_text())
            pid = next(one["pid"] for one in stack["processes"] if one["name"] == "api")
            with httpx.Client(
                base_url=supervisor.api, headers={"X-API-Key": secret}, timeout=60
            ) as client:
                channels = _with_history(client)
                before = processor_seconds(pid)
                facts = measured_facts(
                    "benchmarks.predict_load",
                    {
                        "api": supervisor.api,
                        "key": secret,
                        "rate": rate,
                        "seconds": seconds,
                        "channels": channels,
                    },
                )
                cpu = processor_seconds(pid) - before
                model = client.get("/api/v1/models/info").json()
                health = client.get("/api/v1/models/health").json()
    return {
        "name": "predict",
        "ours": facts["p95_ms"],
        "unit": "ms (p95)",
        "rate": rate,
        **{name: facts[name] for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")},
        "requests": facts["events"],
        "bar": BAR_MS,
        "stretch": STRETCH_MS,
        "api_cpu_s": round(cpu, 1),
        "client_cpu_s": facts["client_cpu_s"],
        "batch_rows": round(health["forecasts"] / max(health["batches"], 1), 1),
        "model": {name: model[name] for name in ("model_version", "compiled")},
        "peers": {},
        "ratios": {},
        "machine": machine(),
    }


def _take_compiled(settings: Settings) -> None:
    """What `groundswell models compile` has made in this checkout's home, if it has: it takes
    minutes, and is no part of what is measured."""
    made = Settings(_env_file=None).home / "compiled"
    if made.is_dir():
        shutil.copytree(made, settings.home / "compiled")
        (settings.home / "compiled").chmod(0o700)


def _with_history(client: httpx.Client) -> list[str]:
    """Channels, of which every second has videos in the tables."""
    now = dt.datetime.now(dt.UTC)
    snapshots = [
        {
            "video_id": f"c{channel}v{video}",
            "channel_id": f"c{channel}",
            "title": f"Video {video}",
            "published_at": (now - dt.timedelta(days=400 + video)).isoformat(),
            "occurred_at": (now - dt.timedelta(days=395 + video - hour)).isoformat(),
            "duration_s": 60 + 30 * video,
            "category": "27",
            "views": 1000 * (1 + channel) * (1 + hour) + video,
            "likes": 10,
            "comments": None,
        }
        for channel in range(0, _CHANNELS, 2)
        for video in range(_VIDEOS)
        for hour in range(3)
    ]
    answer = client.post("/api/v1/events/youtube.video-snapshots.v1", json=snapshots)
    answer.raise_for_status()
    position = answer.headers["X-Event-Position"]
    client.get(
        "/api/v1/videos", params={"min_position": position, "wait_ms": 30_000}
    ).raise_for_status()
    time.sleep(1.0)  # the other partitions
    return [f"c{channel}" for channel in range(_CHANNELS)]


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
