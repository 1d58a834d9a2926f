"""The servers that a stack needs, started together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from infra.embedded.guard import Guard
from infra.embedded.home import Home
from infra.embedded.kafka import Kafka
from infra.embedded.postgres import Postgres
from infra.embedded.redis import Redis
from infra.embedded.registry import Registry
from infra.embedded.server import Server
from infra.settings import Settings


class Servers:
    """One embedded server for each address that is unset; the registry brings PostgreSQL along."""

    def __init__(self, settings: Settings, home: Home, guard: Guard) -> None:
        self._settings = settings
        self._cancelled = threading.Event()
        self.postgres: Postgres | None = None
        self._alone: list[Server] = []
        self._registry: Registry | None = None
        if settings.kafka_bootstrap_servers is None:
            self._alone.append(Kafka(home, guard))
        if settings.redis_url is None:
            self._alone.append(Redis(home, guard))
        if settings.database_url is None or settings.schema_registry_url is None:
            self.postgres = Postgres(home, guard)
            if settings.schema_registry_url is None:
                self._registry = Registry(home, guard, self.postgres)

    def __iter__(self):  # type: ignore[no-untyped-def]
        yield from self._all()

    def _all(self) -> list[Server]:
        return [s for s in (*self._alone, self.postgres, self._registry) if s is not None]
