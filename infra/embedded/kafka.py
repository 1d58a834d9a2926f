"""Apache Kafka: one KRaft node, broker and controller in one process."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from confluent_kafka.admin import AdminClient

from infra.embedded import archives
from infra.embedded.child import Command
from infra.embedded.errors import EmbeddedError
from infra.embedded.home import write_private
from infra.embedded.java import empty_directory, java
from infra.embedded.ports import LOOPBACK
from infra.embedded.server import Server

_FORMAT_TIMEOUT = 60  # seconds
_PROPERTIES = Path(__file__).with_name("kafka.properties")
_LOGGING = Path(__file__).with_name("kafka-log4j2.properties")


class Kafka(Server):
    """Data in `data/kafka`; it is formatted once, and the cluster id lives there."""

    name: ClassVar[str] = "kafka"
    setting: ClassVar[str] = "kafka_bootstrap_servers"
    ports: ClassVar[tuple[str, ...]] = ("kafka", "kafka_controller")

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def _properties(self) -> Path:
        return self.home.run / "kafka.properties"

    def prepare(self) -> None:
        """Write the configuration of this home and format its directory once."""
        data = self.home.data(self.name)
        text = _PROPERTIES.read_text().format(
            host=LOOPBACK,
            port=self.port,
            controller_port=self.home.ports["kafka_controller"],
            log_dirs=data / "log",
        )
        write_private(self._properties, text)
        formatted = data / "formatted"
        if formatted.exists():
            return
        # Without the mark no broker ever ran here: what there is was left by a broken format.
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One in 64 ids begins with a dash.
        arguments = ["format", f"--cluster-id={cluster_id}", "--config", str(self._properties)]
        result = subprocess.run(
            [*self._java("64m"), "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", *arguments],
            capture_output=True,
            text=True,
            timeout=_FORMAT_TIMEOUT,
        )
        if result.returncode != 0:
            raise EmbeddedError(f"cannot format {data}: {result.stdout}{result.stderr}")
        formatted.touch()

    def command(self) -> Command:
        """The broker; SIGTERM makes it close its log segments."""
        argv = [*self._java("512m"), "kafka.Kafka", str(self._properties)]
        return Command(argv, grace=20.0)

    def check(self) -> None:
        """Ask it for its metadata."""
        if not self._admin.list_topics(timeout=1).brokers:
            raise EmbeddedError("no broker is registered yet")

    @cached_property
    def _admin(self) -> Any:
        return AdminClient(
            {
                "bootstrap.servers": self.address,
                "log_level": 0,  # refused connections are expected here
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 200,
            }
        )

    def _java(self, heap: str) -> list[str]:
        jars = archives.jars(self.name)
        return [
            *java(
                heap=heap,
                temporary=empty_directory(self.home.run / "kafka-tmp"),
                options=[f"-Dlog4j2.configurationFile={_LOGGING}"],
            ),
            "-cp",
            f"{jars}/*",
        ]
