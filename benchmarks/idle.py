"""What a virality worker takes of a core while there is nothing to read."""

from __future__ import annotations

import json
import time
from typing import Any

from benchmarks.machine import machine, processor_seconds
from benchmarks.measured import started
from benchmarks.servers import servers

SECONDS = 60.0
_START_S = 15.0  # imports, the group, the take-over of empty partitions


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench idle --json` prints."""
    with servers() as settings:
        plain = json.loads(settings.model_dump_json(exclude_none=True))
        worker = started("benchmarks.virality_worker", {"settings": plain, "events": 1})
        try:
            time.sleep(_START_S)
            before = processor_seconds(worker.pid)
            time.sleep(seconds)
            spent = processor_seconds(worker.pid) - before
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
