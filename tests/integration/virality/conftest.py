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
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from infra.provision import ProvisionError, provision
from infra.settings import Settings
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
        facts = self.settings.model_dump(mode="json", exclude_none=True)
        environment = {key.upper(): str(value) for key, value in facts.items()}
        log = self._folder / f"{name}-{len(self._running)}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.run", name],
                env={**os.environ, **environment},
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


@pytest.fixture
def log_of(agents: Agents, publisher: Publisher) -> Callable[[Topic], list[dict[str, Any]]]:
    """Every event that a topic has now."""

    def read(topic: Topic) -> list[dict[str, Any]]:
        consumer = Consumer(
            {**agents.settings.kafka_config(), "group.id": "unused", "enable.partition.eof": True}
        )
        consumer.assign(
            [TopicPartition(topic.name, part, OFFSET_BEGINNING) for part in range(topic.partitions)]
        )
        events, ends = [], 0
        try:
            while ends < topic.partitions:
                message = consumer.poll(20)
                assert message is not None, "the broker does not answer"
                if message.error() is not None:
                    ends += 1
                elif message.value() is not None:
                    value = message.value()
                    events.append(publisher.codec.decode(topic, value, message.headers()))
        finally:
            consumer.close()
        return events

    return read
