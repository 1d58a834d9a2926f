"""A worker in a process of its own, which a test can kill.

python -m tests.integration.outliers.an_analysis_worker DSN SECONDS_A_CALL_TAKES
"""

from __future__ import annotations

import asyncio
import sys

from streams.outliers.analyses.worker import work
from tests.integration.outliers.runs import PULSE
from tests.unit.outliers.analyses.a_world import World


def main(dsn: str, delay: str) -> None:
    asyncio.run(work(dsn, World(delay=float(delay)), pulse=PULSE))


if __name__ == "__main__":
    main(*sys.argv[1:])
