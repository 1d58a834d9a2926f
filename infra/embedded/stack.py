"""The servers that a stack needs, started and stopped together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from infra.embedded.child import Child
from infra.embedded.guard import Guard
from infra.embedded.home import Home
from infra.embedded.kafka import Kafka
from infra.embedded.postgres import Postgres
from infra.embedded.redis import Redis
from infra.embedded.registry import Registry
from infra.embedded.server import Server
from infra.settings import Settings


class Servers:
    """One embedded server for each address that is unset.

    The embedded registry keeps its schemas in the embedded PostgreSQL, so it brings that along
    even where `DATABASE_URL` points somewhere else.
    """

    def __init__(self, settings: Settings, home: Home, guard: Guard) -> None:
        self._settings = settings
        self._home = home
        self._cancelled = threading.Event()
        self._chains: list[Sequence[Server]] = []  # the later ones of a chain need the earlier
        self.postgres: Postgres | None = None
        if settings.kafka_bootstrap_servers is None:
            self._chains.append([Kafka(home, guard)])
        if settings.redis_url is None:
            self._chains.append([Redis(home, guard)])
        if settings.database_url is None or settings.schema_registry_url is None:
            self.postgres = Postgres(home, guard)
            needs_it = settings.schema_registry_url is None
            registry = [Registry(home, guard, self.postgres)] if needs_it else []
            self._chains.append([self.postgres, *registry])

    @property
    def all(self) -> list[Server]:
        """Every server, each after those it needs."""
        return [server for chain in self._chains for server in chain]

    def start(self, on_ready: Callable[[Server], None] = lambda server: None) -> None:
        """Start all of them, independent ones in parallel; where one fails, stop the others.

        Raises:
            EmbeddedError: what the first failure was.
        """
        # Ports are chosen here, by one thread, so that no two servers choose the same.
        for server in self.all:
            server.reserve_ports()
        errors: list[Exception] = []
        with ThreadPoolExecutor(max(1, len(self._chains))) as pool:
            list(pool.map(lambda chain: self._start_chain(chain, on_ready, errors), self._chains))
        if errors:
            self.stop()
            raise errors[0]

    def _start_chain(
        self,
        chain: Sequence[Server],
        on_ready: Callable[[Server], None],
        errors: list[Exception],
    ) -> None:
        try:
            for server in chain:
                server.start(self._cancelled)
                on_ready(server)
        except Exception as error:
            errors.append(error)
            self.cancel()

    def cancel(self) -> None:
        """Make a start that is under way give up."""
        self._cancelled.set()

    def stop(self) -> None:
        """Stop all of them at once; the registry's last words may miss its database."""
        children: list[Child] = [server.child for server in self.all if server.child]
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()

    def settings(self) -> Settings:
        """The settings with the addresses of these servers filled in."""
        addresses: dict[str, str] = {}
        for server in self.all:
            if getattr(self._settings, server.setting) is None:
                addresses[server.setting] = server.address
        if self._settings.artifacts_url is None:
            addresses["artifacts_url"] = (self._home.path / "artifacts").as_uri()
        return self._settings.model_copy(update=addresses)
