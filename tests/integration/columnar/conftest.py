"""A pipeline of a test's own: topics, a feed, and workers that can be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.settings import Settings
from schemas.topic import Topic
from streams.columnar.groups import committed_offsets
from streams.columnar.hyperloglog import STANDARD_ERROR, added
from tests.chaos.broker import Broker, broker
from tests.chaos.independent import last_rows, recount
from tests.chaos.verdict import compare
from tests.chaos.worker import Options
from tests.integration.columnar.topics import (
    PARTITIONS,
    Feed,
    create,
    output_topic,
    source_topic,
)
from tests.integration.infra.waiting import until

HORIZON = 5_000  # offsets


@dataclass
class Pipeline:
    settings: Settings
    source: Topic
    output: Topic
    logs: Path
    feed: Feed
    admin: AdminClient
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return f"groundswell.{self.source.name}"

    def start_worker(self, **options: Any) -> subprocess.Popen[bytes]:
        """A worker; `tests.chaos.worker.Options` says what can be done to it."""
        return self.start("tests.chaos.worker", self.said(**options).model_dump_json())

    def said(self, **options: Any) -> Options:
        """What a worker of this pipeline is told."""
        return Options(
            settings=self.settings,
            source=self.source.name,
            output=self.output.name,
            partitions=PARTITIONS,
            horizon=HORIZON,
            **{**self.options, **options},
        )

    def start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.logs / f"worker-{len(self.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], stdout=log, stderr=subprocess.STDOUT
            )
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def log(self, worker: subprocess.Popen[bytes]) -> str:
        return (self.logs / f"worker-{self.workers.index(worker)}.log").read_text()

    def caught_up(self) -> bool:
        where = [TopicPartition(self.source.name, p) for p in range(PARTITIONS)]
        try:
            # A new client: an old one keeps the leader's epoch from before a broker's restart.
            admin = AdminClient(self.settings.kafka_config())
            asked = admin.list_offsets({tp: OffsetSpec.latest() for tp in where})
            ends = {(tp.topic, tp.partition): asked[tp].result().offset for tp in where}
            committed = committed_offsets(self.settings.kafka_config(), self.group, ends)
        except KafkaException:  # the broker's coordinator is still loading
            return False
        return all(committed.get(place, 0) == end for place, end in ends.items())

    def wait_until_caught_up(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not self.caught_up():
            if time.monotonic() > deadline:
                logs = "\n".join(self.log(worker)[-2000:] for worker in self.workers[-2:])
                pytest.fail(f"not caught up after {seconds} s\n{logs}")
            time.sleep(0.2)

    def wait_until_ended(self, worker: subprocess.Popen[bytes], code: int) -> None:
        assert worker.wait(60) == code, self.log(worker)[-3000:]

    def wait_until_stopped(self, worker: subprocess.Popen[bytes]) -> None:
        """A SIGSTOP has taken effect."""
        stopped = psutil.STATUS_STOPPED
        until(lambda: psutil.Process(worker.pid).status() == stopped, "the worker to stop", 60)

    def wait_until_logged(
        self, worker: subprocess.Popen[bytes], text: str, *, times: int = 1
    ) -> None:
        until(lambda: self.log(worker).count(text) >= times, f"{text!r} in the worker's log", 60)

    def output_ends(self) -> list[int]:
        """The next offset of each partition of the output."""
        where = [TopicPartition(self.output.name, p) for p in range(PARTITIONS)]
        asked = self.admin.list_offsets({tp: OffsetSpec.latest() for tp in where})
        return [asked[tp].result().offset for tp in where]

    def assert_exact(self) -> None:
        """Every row equals an independent fold of the topic: nothing lost, nothing twice.

        The last row of each key in the log counts: that is what compaction keeps. The sketch of
        the viewers is compared byte by byte: it is a function of the set of them.
        """
        source, output = self.source, self.output
        expected = recount(self.settings, source.name, source.schema, PARTITIONS, HORIZON)
        found = last_rows(self.settings, output.name, output.schema, PARTITIONS)
        verdict = compare(found, expected.rows)
        assert not verdict.wrong, f"lost {verdict.lost}, doubled {verdict.doubled}: {verdict.wrong}"
        assert expected.events > 0
        for video, row in found.items():
            viewers = pl.Series(sorted(expected.viewers[video]), dtype=pl.String)
            nobody = pl.Series([b""], dtype=pl.Binary)
            sketch = added(nobody, np.zeros(len(viewers), dtype=np.int64), viewers)
            assert row["viewers"] == sketch[0]
            error = 5 * STANDARD_ERROR * len(viewers) + 1
            assert abs(row["unique_viewers"] - len(viewers)) <= error


@pytest.fixture
def pipeline(
    stack_settings: Settings, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    with _pipeline(stack_settings, unique, tmp_path) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that the tests of a module may strike."""
    with broker() as server:
        yield server


@pytest.fixture
def struck(
    own_broker: Broker,
    stack_settings: Settings,
    unique: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[Pipeline]:
    """A pipeline on the module's own broker, whose group gives a silent member up soon."""
    settings = stack_settings.model_copy(update={"kafka_bootstrap_servers": own_broker.address})
    with _pipeline(settings, unique, tmp_path) as pipeline:
        pipeline.options["session"] = 3.0
        yield pipeline


@contextmanager
def _pipeline(
    settings: Settings, unique: Callable[[str], str], directory: Path
) -> Iterator[Pipeline]:
    settings = settings.model_copy(
        update={"groundswell_home": directory, "flush_seconds": 0.3, "watchdog_seconds": 30.0}
    )
    source, output = source_topic(unique("engagement")), output_topic(unique("scores"))
    create(settings, source, output)
    admin = AdminClient({**settings.kafka_config(), "log_level": "0"})
    pipeline = Pipeline(settings, source, output, directory, Feed(settings, source), admin)
    yield pipeline
    for worker in pipeline.workers:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
