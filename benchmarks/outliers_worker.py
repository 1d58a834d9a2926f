"""Ours: the whole outlier agent, from fetch to acknowledged detections and committed offsets.

It reads the backlog, and stops the clock when the group's committed offsets have reached its end:
by then all that follows from it is acknowledged.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from time import perf_counter, process_time
from typing import Any

from infra.settings import Settings
from schemas.chunks import Chunk
from streams.columnar.app import WorkerApp, run_worker
from streams.columnar.handler import TopicPartition
from streams.outliers.agent import app
from streams.outliers.model.growth import Growth


def main(settings: dict[str, Any], events: int, **_: Any) -> None:
    found = Settings(_env_file=None, **settings)
    worker: WorkerApp = app(found, Growth.default)
    handler = worker.handler
    expect, flush = handler.expect, worker.flush
    started = used = 0.0

    def timed_expect(chunk: Chunk) -> None:
        nonlocal started, used
        if not started:
            started, used = perf_counter(), process_time()
        expect(chunk)

    async def timed_flush() -> int:
        gone = await flush()
        done: Mapping[TopicPartition, int] = worker._committed
        if sum(done.values()) >= events:
            seconds = perf_counter() - started
            facts = {"events": events, "seconds": seconds, "cpu": process_time() - used}
            os.write(1, json.dumps(facts).encode())
            os._exit(0)
        return gone

    handler.expect = timed_expect  # type: ignore[method-assign]
    worker.flush = timed_flush  # type: ignore[method-assign]
    run_worker(worker)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
