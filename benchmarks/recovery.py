"""Taking a partition over: state rows read back from the output topic until folding can begin.

Ours ends with every key's newest row in the state tables. The peer only consumes the same topic
with confluent-kafka and throws the values away.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.machine import machine
from benchmarks.measured import measured_facts
from benchmarks.servers import servers
from benchmarks.state import publish_state
from schemas.catalogue import VIRALITY_SCORES

KEYS = 1_000_000
ROWS_PER_KEY = 5
RUNS = 5


def run(keys: int = KEYS, rows_per_key: int = ROWS_PER_KEY, runs: int = RUNS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench recovery --json` prints."""
    rows = keys * rows_per_key
    with servers() as settings:
        publish_state(settings, keys, rows_per_key)
        plain = json.loads(settings.model_dump_json(exclude_none=True))
        common = {"kafka": settings.kafka_bootstrap_servers, "topic": VIRALITY_SCORES.name}
        jobs: dict[str, Callable[[], dict[str, Any]]] = {
            "ours": lambda: measured_facts(
                "benchmarks.restore_worker", {"settings": plain, "rows": rows}
            ),
            "confluent_consume": lambda: measured_facts(
                "benchmarks.peers.confluent_consume", {**common, "events": rows}
            ),
        }
        taken = [{name: job() for name, job in jobs.items()} for _ in range(runs)]
    seconds = {name: median(turn[name]["seconds"] for turn in taken) for name in jobs}
    rates = {name: round(rows / took, 1) for name, took in seconds.items()}
    ours = rates.pop("ours")
    return {
        "name": "recovery",
        "ours": ours,
        "unit": "rows/s",
        "seconds": round(seconds["ours"], 2),
        "keys": keys,
        "rows": rows,
        "rss_mib": round(median(turn["ours"]["rss_mib"] for turn in taken)),
        "peers": rates,
        "ratios": {name: round(ours / rate, 2) for name, rate in rates.items()},
        "runs": [
            {name: round(facts["seconds"], 2) for name, facts in turn.items()} for turn in taken
        ],
        "machine": machine(),
    }
