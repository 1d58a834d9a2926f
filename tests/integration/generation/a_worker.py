"""A worker in a process of its own, which a test can kill.

python -m tests.integration.generation.a_worker DSN ARTIFACTS_URL [PROVIDER ITS_HOME SOFT HARD]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from streams.artifacts import Artifacts
from streams.generation.providers.local import LocalProvider
from streams.generation.providers.provider import Provider
from streams.generation.work.supervision import Limits
from streams.generation.work.worker import work
from streams.work_queue.running import Pulse
from tests.integration.generation import far

# Quicker than in earnest, so that a test need not wait.
PULSE = Pulse(heartbeat=0.3, silence=2.0, rescue=0.3, grace=0.5)


def main(dsn: str, url: str, name: str = "", home: str = "", *limits: str) -> None:
    provider: Provider = getattr(far, name)(Path(home)) if name else LocalProvider()
    given = Limits(*map(float, limits))
    providers = {provider.name: provider}
    asyncio.run(work(dsn, providers, Artifacts(url), pulse=PULSE, limits=given))


if __name__ == "__main__":
    main(*sys.argv[1:])
