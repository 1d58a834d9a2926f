"""Ours: the virality state taken over from the output topic, up to the first event."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from time import perf_counter
from typing import Any

from benchmarks.machine import resident_mib
from infra.settings import Settings
from schemas.catalogue import ENGAGEMENT
from streams.columnar.handler import Ground, TopicPartition
from streams.virality.agent import app


def main(settings: dict[str, Any], rows: int, **_: Any) -> None:
    handler = app(Settings(_env_file=None, **settings)).handler
    ground = {
        TopicPartition(ENGAGEMENT.name, partition): Ground(None, 0, 1 << 62)
        for partition in range(ENGAGEMENT.partitions)
    }
    started = perf_counter()
    asyncio.run(handler.assigned(ground, 1))
    seconds = perf_counter() - started
    facts = {
        "events": rows,
        "seconds": seconds,
        "rss_mib": resident_mib(),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    os.write(1, json.dumps(facts).encode())


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
