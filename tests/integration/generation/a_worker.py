"""A worker in a process of its own, which a test can kill: `python -m ... DSN ARTIFACTS_URL`."""

from __future__ import annotations

import asyncio
import sys

from streams.artifacts import Artifacts
from streams.generation.providers.local import LocalProvider
from streams.generation.worker import Pulse, work

# Quicker than in earnest, so that a test need not wait.
PULSE = Pulse(heartbeat=0.3, silence=2.0, rescue=0.3, grace=0.5)

if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], {LocalProvider.name: LocalProvider()}, Artifacts(sys.argv[2]), pulse=PULSE))
