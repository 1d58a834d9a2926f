"""Ours, one of several: it takes its partitions over, and begins when a file appears.

It runs until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from infra.settings import Settings
from schemas.chunks import Chunk
from streams.columnar.app import run_worker
from streams.virality.agent import app


def main(settings: dict[str, Any], gate: str, cores: list[int]) -> None:
    os.sched_setaffinity(0, cores)
    worker = app(Settings(_env_file=None, **settings))
    process = worker.handler.process
    waiting = True

    async def gated_process(chunk: Chunk) -> None:
        nonlocal waiting
        while waiting:
            await asyncio.sleep(0.005)
            waiting = not Path(gate).exists()
        await process(chunk)

    worker.handler.process = gated_process  # type: ignore[method-assign]
    run_worker(worker)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
