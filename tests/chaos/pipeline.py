"""Topics of their own, and workers on them that may be killed, stopped and woken."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.settings import Settings
from schemas.topic import Topic
from tests.chaos.independent import Recount, last_rows, recount
from tests.chaos.spare import Process, told
from tests.chaos.verdict import Verdict, compare
from tests.chaos.worker import Options

_ANSWER_S = 10.0


@dataclass
class Pipeline:
    """The workers of one agent, and how far they are.

    Attributes:
        logs: where the output of workers goes that are modules of their own.
        horizon: offsets within which a repeated event_id counts once.
        options: what every worker is told besides; see `tests.chaos.worker.Options`.
        workers: all that were started, also those that are gone.
    """

    settings: Settings
    source: Topic
    output: Topic
    logs: Path
    horizon: int
    options: dict[str, Any] = field(default_factory=dict)
    workers: list[Process] = field(default_factory=list)
    _logs: dict[int, Path] = field(default_factory=dict)

    def start_worker(self, **options: Any) -> Process:
        """A worker; `tests.chaos.worker.Options` says what can be done to it."""
        return self._known(*told(self.said(**options).model_dump_json()))

    def start(self, module: str, *arguments: str) -> Process:
        """A worker that is a module of its own."""
        path = self.logs / f"worker-{len(self.workers)}.log"
        command = [sys.executable, "-m", module, *arguments]
        with path.open("wb") as log:
            worker = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        return self._known(worker, path)

    def _known(self, worker: Process, log: Path) -> Process:
        self.workers.append(worker)
        self._logs[worker.pid] = log
        return worker

    def said(self, **options: Any) -> Options:
        """What a worker of this pipeline is told."""
        told = {
            "settings": self.settings,
            "source": self.source.name,
            "output": self.output.name,
            "partitions": self.source.partitions,
            "horizon": self.horizon,
            **self.options,
            **options,
        }
        return Options(**told)

    def kill(self, worker: Process) -> None:
        """kill -9."""
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def is_stopped(self, worker: Process) -> bool:
        """Whether a SIGSTOP has taken effect."""
        return worker.poll() is None and bool(
            psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED
        )

    def log(self, worker: Process) -> str:
        """What a worker has said so far."""
        return self._logs[worker.pid].read_text()

    def end(self) -> None:
        """Kill every worker that is left."""
        for worker in self.workers:
            if worker.poll() is None:
                self.kill(worker)

    def caught_up(self) -> bool:
        """Whether everything in the input is flushed and committed."""
        places = [TopicPartition(self.source.name, n) for n in range(self.source.partitions)]
        try:
            ends = self.ends(self.source)
            committed = self._asker.committed(places, timeout=_ANSWER_S)
        except KafkaException:  # the broker is away, or its coordinator is still loading
            return False
        return all(max(at.offset, 0) == end for at, end in zip(committed, ends, strict=True))

    def ends(self, topic: Topic) -> list[int]:
        """The next offset of each partition.

        Raises:
            KafkaException: the broker does not answer.
        """
        return [
            int(self._asker.get_watermark_offsets(TopicPartition(topic.name, n), _ANSWER_S)[1])
            for n in range(topic.partitions)
        ]

    def recount(self) -> tuple[Recount, Verdict]:
        """The independent fold of the input, and how the last rows of the output differ from it.

        The last row of each key in the log counts: that is what compaction keeps.
        """
        source, output = self.source, self.output
        expected = recount(
            self.settings, source.name, source.schema, source.partitions, self.horizon
        )
        found = last_rows(self.settings, output.name, output.schema, output.partitions)
        return expected, compare(found, expected.rows)

    @cached_property
    def _asker(self) -> Consumer:
        """Never subscribes: it only asks."""
        group = {"group.id": f"groundswell.{self.source.name}", "enable.auto.commit": False}
        return Consumer({**self.settings.kafka_config(), **group, "log_level": "0"})


@contextmanager
def ending(pipeline: Pipeline) -> Iterator[Pipeline]:
    """No worker is left behind."""
    try:
        yield pipeline
    finally:
        pipeline.end()
