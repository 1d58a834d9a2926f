"""What a virality worker takes of a core while there is nothing to read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import machine
from benchmarks.servers import servers

SECONDS = 60.0
_START_S = 15.0  # imports, the group, the take-over of empty partitions


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench idle --json` prints."""
    with servers() as settings:
        plain = json.loads(settings.model_dump_json(exclude_none=True))
        worker = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.virality_worker",
                json.dumps({"settings": plain, "events": 1}),
            ],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(_START_S)
            before = _processor_s(worker)
            time.sleep(seconds)
            spent = _processor_s(worker) - before
        finally:
            worker.kill()
            worker.wait()
    return {
        "name": "idle",
        "ours": round(100 * spent / seconds, 2),
        "unit": "% of a core",
        "seconds": seconds,
        "peers": {},
        "ratios": {},
        "machine": machine(),
    }


def _processor_s(worker: subprocess.Popen[bytes]) -> float:
    """Processor time so far.

    Raises:
        psutil.Error: the worker has ended.
    """
    times = psutil.Process(worker.pid).cpu_times()
    return times.user + times.system
