"""Agents of this room as processes of their own, on a provisioned stack."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from infra.provision import ProvisionError, provision
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic

_ROOT = Path(__file__).parents[3]


class Agents:
    """Starts agents of the stack, and ends what is left of them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str) -> subprocess.Popen[bytes]:
        log = self._folder / f"{name}-{len(self._running)}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.run", name],
                env={**os.environ, **as_environment(self.settings)},
                cwd=_ROOT,
                stdout=said,
                stderr=said,
            )
        self._running.append(process)
        return process

    def said(self) -> str:
        return "\n".join(log.read_text()[-3000:] for log in sorted(self._folder.glob("*.log")))

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()


def provisioned(settings: Settings) -> None:
    """Topics and subjects as the catalogue wants them."""
    for _ in range(10):
        # Another worker of the run may be at it too, and the registry answers one of the two "409".
        with suppress(ProvisionError):
            provision(settings)
            return
        time.sleep(0.3)
    raise AssertionError("the servers cannot be provisioned")


@pytest.fixture
def agents(stack_settings: Settings, tmp_path: Path) -> Iterator[Agents]:
    settings = stack_settings.model_copy(
        update={
            "groundswell_home": tmp_path,
            "flush_seconds": 0.3,
            "artifacts_url": (tmp_path / "artifacts").as_uri(),
        }
    )
    provisioned(settings)
    found = Agents(settings, tmp_path)
    yield found
    found.close()


@pytest.fixture
def publisher(agents: Agents) -> Iterator[Publisher]:
    with Registry(agents.settings.registry_config()) as registry:
        yield Publisher(agents.settings.kafka_config(), Codec(registry), source="tests")


class Tail:
    """A topic of the stack, read on from where it was left."""

    def __init__(self, topic: Topic, settings: Settings, codec: Codec) -> None:
        self._topic, self._codec = topic, codec
        self._events: list[dict[str, Any]] = []
        self._next = dict.fromkeys(range(topic.partitions), 0)
        options = {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True}
        self._consumer = Consumer({**settings.kafka_config(), **options})
        self._consumer.assign(
            [TopicPartition(topic.name, part, OFFSET_BEGINNING) for part in self._next]
        )

    def events(self) -> list[dict[str, Any]]:
        """Every event that the topic has now."""
        ends = {
            part: self._consumer.get_watermark_offsets(TopicPartition(self._topic.name, part), 60)
            for part in self._next
        }
        deadline = time.monotonic() + 60
        while any(self._next[part] < end for part, (_, end) in ends.items()):
            assert time.monotonic() < deadline, "the broker does not answer"
            for message in self._consumer.consume(1000, 0.2):
                self._take(message)
        return list(self._events)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            # The end, which may be behind records that are gone.
            self._next[message.partition()] = message.offset()
            return
        self._next[message.partition()] = message.offset() + 1
        if (value := message.value()) is not None:
            self._events.append(self._codec.decode(self._topic, value, message.headers()))

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def log_of(
    agents: Agents, publisher: Publisher
) -> Iterator[Callable[[Topic], list[dict[str, Any]]]]:
    """Every event that a topic has now."""
    tails: dict[str, Tail] = {}

    def read(topic: Topic) -> list[dict[str, Any]]:
        if topic.name not in tails:
            tails[topic.name] = Tail(topic, agents.settings, publisher.codec)
        return tails[topic.name].events()

    yield read
    for tail in tails.values():
        tail.close()
