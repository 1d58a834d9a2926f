"""A server that speaks S3 and checks signatures: S3Proxy, over a folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import httpx

from infra.embedded import archives
from infra.embedded.child import Command
from infra.embedded.java import empty_directory, java
from infra.embedded.ports import LOOPBACK
from infra.embedded.server import Server

BUCKET = "films"
KEY_ID = "tester"
KEY = "what only tests know"


class S3(Server):
    """Its objects are files under `data/s3`, one folder a bucket."""

    name: ClassVar[str] = "s3"
    setting: ClassVar[str] = "artifacts_url"
    ports: ClassVar[tuple[str, ...]] = ("s3",)

    @property
    def address(self) -> str:
        """The store's URL; its endpoint is a setting of the cloud's own."""
        return f"s3://{BUCKET}/store"

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def file(self, name: str) -> Path:
        """Where an artifact's bytes are."""
        return self.home.data(self.name) / BUCKET / "store" / name

    def prepare(self) -> None:
        (self.home.data(self.name) / BUCKET).mkdir(parents=True, exist_ok=True)
        facts = {
            "s3proxy.authorization": "aws-v2-or-v4",
            "s3proxy.identity": KEY_ID,
            "s3proxy.credential": KEY,
            "s3proxy.endpoint": self.endpoint,
            "jclouds.provider": "filesystem-nio2",
            "jclouds.filesystem.basedir": str(self.home.data(self.name)),
        }
        text = "".join(f"{name}={value}\n" for name, value in facts.items())
        (self.home.run / "s3.properties").write_text(text)

    def command(self) -> Command:
        temporary = empty_directory(self.home.run / "s3-tmp")
        runtime = java(heap="128m", temporary=temporary, options=("-XX:TieredStopAtLevel=1",))
        jar = next(archives.jars("s3proxy").glob("*.jar"))
        return Command(
            [*runtime, "-jar", str(jar), "--properties", str(self.home.run / "s3.properties")]
        )

    def check(self) -> None:
        """Any answer is one: a stranger is refused."""
        httpx.get(self.endpoint, timeout=2, trust_env=False)
