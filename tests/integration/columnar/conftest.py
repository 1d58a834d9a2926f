"""A pipeline of a test's own: topics, a feed, and workers that can be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.settings import Settings
from schemas.topic import Topic
from streams.columnar.groups import committed_offsets
from streams.columnar.hyperloglog import STANDARD_ERROR, added
from tests.integration.columnar.topics import (
    PARTITIONS,
    Feed,
    create,
    expected_rows,
    newest_scores,
    output_topic,
    source_topic,
)
from tests.integration.columnar.worker import HORIZON


@dataclass
class Pipeline:
    settings: Settings
    source: Topic
    output: Topic
    logs: Path
    feed: Feed
    admin: AdminClient
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def group(self) -> str:
        return f"groundswell.{self.source.name}"

    def start_worker(self) -> subprocess.Popen[bytes]:
        with (self.logs / f"worker-{len(self.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.integration.columnar.worker",
                    self.settings.model_dump_json(),
                    self.source.name,
                    self.output.name,
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
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
            asked = self.admin.list_offsets({tp: OffsetSpec.latest() for tp in where})
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

    def assert_exact(self) -> None:
        """Every row equals an independent fold of the topic: nothing lost, nothing twice.

        Also the sketch of the viewers, byte by byte: it is a function of the set of them.
        """
        expected = expected_rows(self.settings, self.source, HORIZON)
        found = newest_scores(self.settings, self.output)
        assert found.keys() == expected.keys()
        wrong = {
            video: ({name: found[video][name] for name in row.totals}, row.totals)
            for video, row in expected.items()
            if any(found[video][name] != value for name, value in row.totals.items())
        }
        assert not wrong
        for video, row in expected.items():
            viewers = pl.Series(sorted(row.viewers), dtype=pl.String)
            nobody = pl.Series([b""], dtype=pl.Binary)
            sketch = added(nobody, np.zeros(len(viewers), dtype=np.int64), viewers)
            assert found[video]["viewers"] == sketch[0]
            error = 5 * STANDARD_ERROR * len(viewers) + 1
            assert abs(found[video]["unique_viewers"] - len(viewers)) <= error


@pytest.fixture
def pipeline(
    stack_settings: Settings, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    settings = stack_settings.model_copy(
        update={"groundswell_home": tmp_path, "flush_seconds": 0.3, "watchdog_seconds": 30.0}
    )
    source, output = source_topic(unique("engagement")), output_topic(unique("scores"))
    create(settings, source, output)
    admin = AdminClient(settings.kafka_config())
    pipeline = Pipeline(settings, source, output, tmp_path, Feed(settings, source), admin)
    yield pipeline
    for worker in pipeline.workers:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
