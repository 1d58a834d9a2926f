"""A policy that is killed when the broker has its requests: `python -m ... DSN`.

It prints the job ids that the broker has.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from psycopg_pool import AsyncConnectionPool

from streams.generation.policy.policy import Policy
from streams.generation.policy.rules_file import teasers
from streams.generation.policy.sources import DETECTIONS
from tests.integration.generation.test_dispatch import Outbox
from tests.integration.generation.test_policy import detections


class Deadly(Outbox):
    def flush(self, timeout: float = 30.0) -> None:
        print(*(record["job_id"] for record in self.published), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


async def main(dsn: str) -> None:
    async with AsyncConnectionPool(dsn, open=False) as pool:
        await Policy(pool, Deadly(), DETECTIONS, [teasers(5.0)]).handle(
            detections({"video_id": "v1"}, {"video_id": "v2"})
        )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
