"""Ours: a topic into a file, by the code behind `groundswell replay`."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from infra.replay.files import write
from infra.settings import Settings
from schemas.catalogue import ENGAGEMENT


def main(settings: dict[str, Any], events: int, suffix: str = ".parquet", **_: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        out = Path(directory) / f"out{suffix}"
        started, worked = perf_counter(), process_time()
        result = write(Settings(_env_file=None, **settings), ENGAGEMENT, out)
        seconds, processor = perf_counter() - started, process_time() - worked
        size = out.stat().st_size
    if result.rows != events:
        raise RuntimeError(f"{result.rows} of {events} events are in the file")
    facts = {
        "events": events,
        "seconds": seconds,
        "processor_seconds": round(processor, 2),
        "file_mib": round(size / 2**20),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    os.write(1, json.dumps(facts).encode())


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
