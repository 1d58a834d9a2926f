"""A poller of one's own: its database, its key of the local Data API, its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from pydantic import SecretStr

from infra.provision import ProvisionError, provision
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from schemas.codec import Codec
from schemas.registry import Registry
from schemas.topic import Topic
from tests.fix_youtube import YouTubeLocal

ROOT = Path(__file__).parents[3]


class Bench:
    """Settings of one's own, and processes with them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **as_environment(self.settings), "PERSONAL_DATA_SECRET": "s" * 32}

    @property
    def key(self) -> str:
        assert self.settings.youtube_api_key is not None
        return self.settings.youtube_api_key.get_secret_value()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process of Python; what it says is in a log of the folder."""
        with (self.folder / f"{len(self._running)}.log").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=self.environment,
                cwd=ROOT,
                stdout=said,
                stderr=said,
            )
        self._running.append(process)
        return process

    def said(self) -> str:
        return "\n".join(log.read_text()[-4000:] for log in sorted(self.folder.glob("*.log")))

    def groundswell(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command."""
        done = subprocess.run(
            [sys.executable, "-c", "from infra.cli import main; main()", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    def facts(self, *arguments: str) -> Any:
        code, out, error = self.groundswell(*arguments, "--json")
        assert code == 0, error
        return json.loads(out)

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def provisioned(stack_settings: Settings) -> Settings:
    said = ""
    for _ in range(10):
        try:
            provision(stack_settings)
        except ProvisionError as error:
            # Another worker of the run may be at it too: the registry answers one of the two "409".
            said = str(error)
            time.sleep(0.3)
        else:
            return stack_settings
    raise AssertionError(f"the servers cannot be provisioned: {said}")


@pytest.fixture
def bench(
    provisioned: Settings, database: str, youtube_local: YouTubeLocal, tmp_path: Path
) -> Iterator[Bench]:
    settings = provisioned.model_copy(
        update={
            "groundswell_home": tmp_path,
            "artifacts_url": (tmp_path / "artifacts").as_uri(),
            "database_url": database,
            "youtube_api_key": SecretStr(youtube_local.new_key()),
            "youtube_api_endpoint": youtube_local.endpoint,
            "youtube_poll_minutes": 0.02,
        }
    )
    found = Bench(settings, tmp_path)
    yield found
    found.close()


def events_of(settings: Settings, topic: Topic, keys: set[str]) -> list[dict[str, Any]]:
    """The events of a topic with one of these keys, as they stand in the log."""
    with Registry(settings.registry_config()) as registry:
        codec = Codec(registry)
        consumer = Consumer(
            {
                **settings.kafka_config(),
                "group.id": "tests",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        places = [TopicPartition(topic.name, n, OFFSET_BEGINNING) for n in range(topic.partitions)]
        consumer.assign(places)
        found: list[dict[str, Any]] = []
        open_ends = {place.partition for place in places}
        while open_ends:
            for message in consumer.consume(1000, 0.5):
                if message.error() is not None:
                    open_ends.discard(message.partition())
                elif (message.key() or b"").decode() in keys:
                    found.append(codec.decode(topic, message.value(), message.headers() or ()))
        consumer.close()
    return found
