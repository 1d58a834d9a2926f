"""Memory of a virality state of which most keys are quiet: parked, and all in memory.

One table of 5,000,000 keys, of which 100,000 had an event within the last hour of the log's time
and the rest none for three days or more. It is loaded as in a restore, row by row of the output
topic but without Kafka. The peer is the same table without parking.
"""

from __future__ import annotations

from typing import Any

from benchmarks.machine import machine
from benchmarks.measured import measured_facts

KEYS = 5_000_000
ALIVE = 100_000


def run(keys: int = KEYS, alive: int = ALIVE) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench parking --json` prints.

    `take_ms` is the CPU time to take the rows of a chunk's 12,400 keys: all of them alive, all of
    them new, one in twenty parked, all of them parked.
    """
    cases = {
        name: measured_facts(
            "benchmarks.parking_worker",
            {"keys": keys, "alive": alive, "parks": parks},
            timeout=1_200,
        )
        for name, parks in (("parked", True), ("all_in_memory", False))
    }
    sizes = {name: round(facts["rss_mib"]) for name, facts in cases.items()}
    ours = sizes.pop("parked")
    return {
        "name": "parking",
        "ours": ours,
        "unit": "MiB resident",
        "peers": sizes,
        "ratios": {name: round(ours / size, 2) for name, size in sizes.items()},
        "keys": keys,
        "alive": alive,
        "cases": cases,
        "machine": machine(),
    }
