"""Memory of a virality worker while it goes through a long topic."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.load import publish
from benchmarks.machine import machine
from benchmarks.measured import measured_facts
from benchmarks.servers import servers

EVENTS = 20_000_000


def run(events: int = EVENTS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench memory --json` prints.

    `ours` is how much larger the process is at the end than after a quarter of the way, in MiB;
    `rss_mib` has the whole course: events and MiB.
    """
    with servers() as settings:
        publish(settings, events)
        plain = json.loads(settings.model_dump_json(exclude_none=True))
        facts = measured_facts("benchmarks.virality_worker", {"settings": plain, "events": events})
    course = facts["rss_mib"]
    quarter = next(mib for passed, mib in course if passed >= events / 4)
    return {
        "name": "memory",
        "ours": course[-1][1] - quarter,
        "unit": "MiB more at the end than after a quarter",
        "rss_mib": course,
        "events": events,
        "events_per_second": round(events / facts["seconds"]),
        "peers": {},
        "ratios": {},
        "machine": machine(),
    }
