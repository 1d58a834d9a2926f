"""Projectors and rebuilds that can be killed, put to sleep and woken, and their tables."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg.errors import UndefinedTable

from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from schemas.registry import Registry
from schemas.topic import Topic, dead_letter_config
from tests.chaos.projections.independent import Recount, recount
from tests.chaos.projections.projector import Options
from tests.chaos.projections.verdict import Verdict, compare, letters_of, tables_of
from tests.chaos.spare import Process, told
from tests.integration.projections.addresses import readdressed, renamed

Place = tuple[str, str, int]  # projection, topic, partition

PARTITIONS = 2
_ANSWER_S = 10.0


@dataclass
class Pipeline:
    """Projections of the catalogue under names of their own, and the processes at work on them.

    Attributes:
        settings: their data directory is where logs go.
        suffix: of the topics and projections.
        names: of the projections in the catalogue.
        options: what every projector is told besides; see `projector.Options`.
        projectors: all that were started, also those that are gone.
    """

    settings: Settings
    suffix: str
    names: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    projectors: list[Process] = field(default_factory=list)
    _logs: dict[int, Path] = field(default_factory=dict)

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """The topics that they read, by the schema of their events."""
        sources = [source for name in self.names for source in PROJECTIONS[name].sources]
        return {s.topic.events: renamed(s.topic, self.suffix) for s in sources}

    def create_topics(self) -> None:
        """Make the topics, those of dead letters, and the subjects."""
        wanted = [NewTopic(t.name, PARTITIONS, 1, config=t.config()) for t in self.topics.values()]
        letters = dead_letter_config()
        wanted += [NewTopic(t.dlq, 1, 1, config=letters) for t in self.topics.values()]
        admin = AdminClient({**self.settings.kafka_config(), "log_level": "0"})
        for future in admin.create_topics(wanted).values():
            future.result()
        with Registry(self.settings.registry_config()) as registry:
            for topic in self.topics.values():
                registry.register(topic)

    def start_projector(self, **options: Any) -> Process:
        """A projector; `projector.Options` says what can be done to it."""
        said = self._said(**{**self.options, **options})
        projector, log = told(said.model_dump_json(), "tests.chaos.projections.projector")
        self.projectors.append(projector)
        self._logs[projector.pid] = log
        return projector

    def start_rebuild(self, *names: str) -> Process:
        """A rebuild of these projections, as a process of its own."""
        said = self._said(names=list(names)).model_dump_json()
        with (self.settings.home / "rebuilds.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.projections.rebuilder", said],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _said(self, **options: Any) -> Options:
        told = {"settings": self.settings, "suffix": self.suffix, "names": self.names}
        return Options(**{**told, **options})

    def running(self) -> list[Process]:
        """The projectors that have not ended."""
        return [projector for projector in self.projectors if projector.poll() is None]

    def kill(self, projector: Process) -> None:
        """kill -9."""
        projector.send_signal(signal.SIGKILL)
        projector.wait()

    def is_stopped(self, projector: Process) -> bool:
        """Whether a SIGSTOP has taken effect."""
        return projector.poll() is None and bool(
            psutil.Process(projector.pid).status() == psutil.STATUS_STOPPED
        )

    def log(self, projector: Process) -> str:
        """What a projector has said so far."""
        return self._logs[projector.pid].read_text(errors="replace")

    def end(self) -> None:
        """Kill every projector that is left."""
        for projector in self.running():
            self.kill(projector)

    def checkpoints(self) -> dict[Place, int]:
        """Where each projection's tables stand; nothing where there are none (a killed server may
        forget them).

        Raises:
            psycopg.OperationalError: PostgreSQL is away.
        """
        query = "SELECT projection, topic, partition, next_offset FROM projection_checkpoints"
        with psycopg.connect(self.settings.dsn) as connection, suppress(UndefinedTable):
            return {(one, topic, n): at for one, topic, n, at in connection.execute(query)}
        return {}

    def ends(self) -> dict[Place, int]:
        """The end of each partition, for each projection that reads it.

        Raises:
            KafkaException: the broker does not answer.
        """
        ends = {
            (topic.name, n): int(
                self._asker.get_watermark_offsets(TopicPartition(topic.name, n), _ANSWER_S)[1]
            )
            for topic in self.topics.values()
            for n in range(PARTITIONS)
        }
        own = (readdressed(PROJECTIONS[name], self.suffix) for name in self.names)
        readers = [(one.name, topic) for one in own for topic in one.topics]
        return {
            (name, *where): end
            for where, end in ends.items()
            for name, topic in readers
            if topic == where[0]
        }

    def caught_up(self) -> bool:
        """Whether the tables say that they hold everything in the log."""
        try:
            return self.checkpoints() == self.ends()
        except (psycopg.OperationalError, KafkaException):
            return False

    def recount(self) -> Recount:
        """The independent fold of the log."""
        return recount(self.settings, self.topics, PARTITIONS)

    def verdict(self, expected: Recount) -> Verdict:
        """How tables and dead letters differ from the independent fold."""
        found = tables_of(self.settings, tuple(expected.tables))
        letters = letters_of(self.settings, list(self.topics.values()))
        return compare(found, letters, expected)

    @cached_property
    def _asker(self) -> Consumer:
        """Never subscribes: it only asks."""
        return Consumer({**self.settings.kafka_config(), "group.id": "tests", "log_level": "0"})


@contextmanager
def pipeline(
    settings: Settings, suffix: str, names: list[str], **options: Any
) -> Iterator[Pipeline]:
    """Projections with topics of their own; no process is left behind."""
    with tempfile.TemporaryDirectory(prefix="groundswell-chaos-logs-") as directory:
        settings = settings.model_copy(update={"groundswell_home": Path(directory)})
        running = Pipeline(settings, suffix, names, options)
        running.create_topics()
        try:
            yield running
        finally:
            running.end()
