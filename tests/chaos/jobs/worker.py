"""A worker whose provider writes down every call: python -m tests.chaos.jobs.worker.

It loads everything, then reads its options as one line of JSON from standard input.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from pydantic import BaseModel

from benchmarks.noop import Noop
from streams.artifacts import Artifacts
from streams.generation.providers.provider import Order, Rendering, Telling
from streams.generation.work.worker import work
from streams.work_queue.running import Pulse

# Quicker than in earnest, so that a run need not wait for what was taken from the dead.
_PULSE = Pulse(heartbeat=0.5, silence=4.0, rescue=0.5, grace=0.5)


class Options(BaseModel):
    """What a worker is told.

    Attributes:
        calls: file that every call of the provider is appended to.
        longest_s: seconds that a video takes at most.
    """

    dsn: str
    artifacts: str
    calls: Path
    concurrency: int = 4
    longest_s: float = 0.05


class Unsteady(Noop):
    """Takes a while, so that a kill meets attempts at any point."""

    def __init__(self, calls: Path, longest_s: float) -> None:
        super().__init__(calls)
        self._longest_s = longest_s

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        """As `Noop`, later."""
        rendering = await super().generate(order, folder, telling)
        await asyncio.sleep(random.uniform(0.0, self._longest_s))
        return rendering


def main(options: Options) -> None:
    """Work until killed, or told to stop by SIGTERM."""
    provider = Unsteady(options.calls, options.longest_s)
    artifacts = Artifacts(options.artifacts)
    asyncio.run(
        work(
            options.dsn,
            {provider.name: provider},
            artifacts,
            concurrency=options.concurrency,
            pulse=_PULSE,
        )
    )


if __name__ == "__main__":
    line = sys.stdin.readline()
    if line:
        main(Options.model_validate_json(line))
