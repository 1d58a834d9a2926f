"""Events a second of a replay to parquet, beside a consumer that throws the values away.

Ours fetches, decodes every field and writes a compressed parquet file. The peer consumes the same
topic with confluent-kafka and looks at nothing; once as it is, and once told to ask for more as
soon as it has room (`fetch.queue.backoff.ms`), without which librdkafka pauses for up to a second
whenever 100,000 records wait.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.load import publish
from benchmarks.machine import machine
from benchmarks.measured import NotMeasuredError, measured_facts
from benchmarks.servers import servers
from schemas.catalogue import ENGAGEMENT

EVENTS = 5_000_000
LONG_EVENTS = 20_000_000  # for the memory, which must not grow with the topic
RUNS = 5

_OURS = "benchmarks.replay_file"
_PEER = "benchmarks.peers.confluent_consume"
_EAGER = {"fetch.queue.backoff.ms": 1}

Facts = dict[str, Any]
Job = Callable[[], Facts]


def run(events: int = EVENTS, runs: int = RUNS, long_events: int = LONG_EVENTS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench replay --json` prints.

    `peak_rss_mib` has the most memory that ours had resident, by the number of events; the long
    topic is read once, after the turns.
    """
    with servers() as settings:
        publish(settings, events)
        ours = {"settings": json.loads(settings.model_dump_json(exclude_none=True))}
        peer = {
            "kafka": settings.kafka_bootstrap_servers,
            "topic": ENGAGEMENT.name,
            "events": events,
        }
        jobs: dict[str, Job] = {
            "ours": lambda: measured_facts(_OURS, {**ours, "events": events}),
            "confluent_consume": lambda: measured_facts(_PEER, peer),
            "confluent_consume_eager": lambda: measured_facts(_PEER, {**peer, "options": _EAGER}),
        }
        taken, left_out = _turns(jobs, runs)
        peaks = {str(events): max(turn["ours"]["peak_rss_mib"] for turn in taken)}
        if long_events > events:
            publish(settings, long_events - events, seed=2)
            facts = measured_facts(_OURS, {**ours, "events": long_events})
            peaks[str(long_events)] = facts["peak_rss_mib"]
    measured = [{name: _rate(facts) for name, facts in turn.items()} for turn in taken]
    rates = {name: median(turn[name] for turn in measured) for name in jobs if name not in left_out}
    rate = rates.pop("ours")
    return {
        "name": "replay",
        "ours": rate,
        "unit": "events/s",
        "peers": rates,
        "ratios": {name: round(rate / other, 2) for name, other in rates.items()},
        "left_out": left_out,
        "runs": measured,
        "events": events,
        "processor_seconds": median(turn["ours"]["processor_seconds"] for turn in taken),
        "peak_rss_mib": peaks,
        "machine": machine(),
    }


def _turns(jobs: dict[str, Job], runs: int) -> tuple[list[dict[str, Facts]], dict[str, str]]:
    """Everybody once a turn, so that a busy minute of the machine hits all."""
    taken: list[dict[str, Facts]] = []
    left_out: dict[str, str] = {}
    for _ in range(runs):
        turn: dict[str, Facts] = {}
        for name, job in jobs.items():
            if name in left_out:
                continue
            try:
                turn[name] = job()
            except NotMeasuredError as error:
                if name == "ours":
                    raise
                left_out[name] = str(error)
        taken.append(turn)
    return taken, left_out


def _rate(facts: Facts) -> float:
    return round(float(facts["events"] / facts["seconds"]), 1)
