"""What the benchmarks of generation work share: its processes, workers that render nothing, and
the stories as they come out of their topic."""

from __future__ import annotations

import datetime as dt
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.measured import started
from infra.processes import PROCESSES
from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Supervisor
from schemas.catalogue import GENERATION_EVENTS
from schemas.codec import Codec
from schemas.publisher import Publisher, new_event_id
from schemas.registry import Registry
from streams.generation.jobs.events import JobQueued
from streams.generation.schema import prepare

_STARTED_WITHIN_S = 60.0
_BATCH = 2_000  # records read at once


@contextmanager
def running(*names: str) -> Iterator[Settings]:
    """Servers of their own, with these processes of a stack beside them."""
    processes = [spec for spec in PROCESSES if spec.name in names]
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        settings = Settings(_env_file=None, groundswell_home=Path(directory))
        with Supervisor(settings, processes=processes, provision=provision) as supervisor:
            late = supervisor.await_running(_STARTED_WITHIN_S)
            if late:
                raise RuntimeError(f"not running: {', '.join(late)}")
            prepare(supervisor.settings.dsn)
            yield supervisor.settings


@contextmanager
def workers(settings: Settings, count: int, concurrency: int) -> Iterator[list[int]]:
    """Worker processes whose provider does nothing; their pids. They have begun to listen."""
    options = {
        "dsn": settings.dsn,
        "artifacts": settings.artifacts_url,
        "calls": str(calls_of(settings)),
        "concurrency": concurrency,
    }
    processes = [started("benchmarks.noop_worker", options) for _ in range(count)]
    try:
        _await_workers(settings.dsn, processes)
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def calls_of(settings: Settings) -> Path:
    """Where the workers' provider writes when it was called, and for which attempt."""
    return settings.home / "calls"


def _await_workers(dsn: str, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_S
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT count(*) FROM procrastinate_workers").fetchone()
            if row is not None and row[0] >= len(processes):
                return
            if time.monotonic() > deadline or any(p.poll() is not None for p in processes):
                raise RuntimeError("the workers do not start")
            time.sleep(0.1)


def publisher(settings: Settings) -> Publisher:
    """As a producer of requests has it."""
    codec = Codec(Registry(settings.registry_config()))
    return Publisher(settings.kafka_config(), codec, source="groundswell/bench")


def a_job(number: int) -> JobQueued:
    """What job number so-and-so asks for."""
    return JobQueued(
        user_id=f"user{number % 100}",
        prompt=f"a quiet sea, number {number}",
        width=512,
        height=512,
        num_steps=20,
        quality="medium",
        seed=number,
        duration_s=4.0,
        priority="default",
        max_retries=3,
        provider=None,
        source_video_id=None,
        requested_by="producer",
        metadata=None,
    )


def a_request(number: int, job_id: str) -> dict[str, Any]:
    """The record of `generation.requests.v1` that asks for it."""
    asked = asdict(a_job(number))
    del asked["request_record"]  # the dispatcher's own: where it found the request
    return {
        "event_id": new_event_id(),
        "occurred_at": dt.datetime.now(dt.UTC),
        "job_id": job_id,
        **asked,
    }


class Stories:
    """`generation.events.v1` from its beginning."""

    def __init__(self, settings: Settings) -> None:
        self._codec = Codec(Registry(settings.registry_config()))
        self._consumer = Consumer({**settings.kafka_config(), "group.id": "unused"})
        self._consumer.assign(
            [
                TopicPartition(GENERATION_EVENTS.name, partition, OFFSET_BEGINNING)
                for partition in range(GENERATION_EVENTS.partitions)
            ]
        )

    def read(self, timeout: float) -> list[tuple[int, dict[str, Any]]]:
        """The next events with their partitions: all that are there, or none after `timeout`
        seconds."""
        messages = self._consumer.consume(1, timeout)
        messages += self._consumer.consume(_BATCH, 0.0) if messages else []
        found = []
        for message in messages:
            value, partition = message.value(), message.partition()
            if value is not None and partition is not None:
                headers = message.headers()
                found.append((partition, self._codec.decode(GENERATION_EVENTS, value, headers)))
        return found

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()
