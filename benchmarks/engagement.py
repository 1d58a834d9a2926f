"""Engagement events a second: the whole virality agent beside what others do with the same topic.

Ours decodes, tells duplicates apart, folds totals, four decayed rates and a sketch of the unique
viewers per video, scores, and has every score acknowledged and the offsets committed; once with the
transparent score and once with the model's, the upload of every video being known. The peers do
less: stock Faust hands raw bytes to an agent that drops them, quixstreams counts per key in
ten-second windows, aiokafka only fetches.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.load import publish, publish_uploads
from benchmarks.machine import machine
from benchmarks.measured import NotMeasuredError, measured
from benchmarks.peers.environment import peers_python
from benchmarks.servers import servers
from infra.settings import Settings
from schemas.agents import group_of
from schemas.catalogue import ENGAGEMENT, VIRALITY_SCORES
from schemas.topic import Topic

EVENTS = 5_000_000
SLOW_PEER_EVENTS = 50_000  # of the same topic; a per-message peer's rate does not depend on it
RUNS = 5


def run(events: int = EVENTS, runs: int = RUNS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench engagement --json` prints.

    Ours starts from an empty output topic and an unknown group in every run.
    """
    with servers() as settings:
        publish(settings, events)
        publish_uploads(settings)
        common = {
            "kafka": settings.kafka_bootstrap_servers,
            "topic": ENGAGEMENT.name,
            "partitions": ENGAGEMENT.partitions,
        }
        jobs: dict[str, Callable[[], float]] = {
            "ours": lambda: _ours(settings, events),
            "ours_with_forecasts": lambda: _ours(settings, events, forecasts=True),
            "aiokafka_getmany": lambda: measured(
                "benchmarks.peers.aiokafka_getmany", {**common, "events": events}
            ),
            "stock_faust": lambda: measured(
                "benchmarks.peers.stock_faust", {**common, "events": SLOW_PEER_EVENTS}
            ),
            "quixstreams": lambda: measured(
                "benchmarks.peers.quixstreams_count",
                {**common, "events": SLOW_PEER_EVENTS},
                python=peers_python(),
            ),
        }
        # Turn by turn, so that a busy minute of the machine hits everybody.
        taken: list[dict[str, float]] = []
        left_out: dict[str, str] = {}
        for _ in range(runs):
            turn: dict[str, float] = {}
            for name, job in jobs.items():
                if name in left_out:
                    continue
                try:
                    turn[name] = round(job(), 1)
                except NotMeasuredError as error:
                    if name.startswith("ours"):
                        raise
                    left_out[name] = str(error)
            taken.append(turn)
    rates = {name: median(turn[name] for turn in taken) for name in jobs if name not in left_out}
    ours, with_forecasts = rates.pop("ours"), rates.pop("ours_with_forecasts")
    return {
        "name": "engagement",
        "ours": ours,
        "ours_with_forecasts": with_forecasts,
        "unit": "events/s",
        "peers": rates,
        "ratios": {name: round(ours / rate, 2) for name, rate in rates.items()},
        "left_out": left_out,
        "runs": taken,
        "events": events,
        "machine": machine(),
    }


def _ours(settings: Settings, events: int, *, forecasts: bool = False) -> float:
    forget(settings)
    plain = json.loads(settings.model_dump_json(exclude_none=True))
    return measured(
        "benchmarks.virality_worker",
        {"settings": plain, "events": events, "forecasts": forecasts},
    )


def forget(settings: Settings, agent: str = "virality", output: Topic = VIRALITY_SCORES) -> None:
    """Remove what an earlier run of ours has left: the state and the group's offsets."""
    admin = AdminClient(settings.kafka_config())
    # A worker that has just ended is a member until its session is over.
    _until_done(lambda: _delete_group(admin, agent))
    name = output.name
    admin.delete_topics([name], operation_timeout=30)[name].result()
    topic = NewTopic(name, output.partitions, 1, config=output.config())
    # The broker forgets a deleted topic a moment later.
    _until_done(lambda: admin.create_topics([topic])[name].result())


def _delete_group(admin: AdminClient, agent: str) -> None:
    group = group_of(agent)
    try:
        admin.delete_consumer_groups([group])[group].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise


def _until_done(job: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            job()
            return
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
