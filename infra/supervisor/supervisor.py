"""One process that starts a stack and stays with it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Literal, Self

import httpx
import structlog
from pydantic import SecretStr

from infra.embedded.guard import Guard
from infra.embedded.home import Home, signing_secret, write_private_json
from infra.embedded.locks import HomeLock
from infra.embedded.ports import LOOPBACK, next_free
from infra.embedded.server import Server
from infra.embedded.stack import Servers
from infra.processes import ProcessSpec
from infra.settings import (
    ADDRESSES,
    JWT_SECRET_FILE,
    OPTIONAL_ADDRESSES,
    PERSONAL_DATA_SECRET_FILE,
    WEBHOOK_SECRET_FILE,
    Settings,
)
from infra.supervisor.environment import for_processes
from infra.supervisor.unit import Event, Listener, ProcessUnit, ServerUnit, Unit

log = structlog.get_logger()

_TICK = 0.25  # seconds
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
StackState = Literal["starting", "running", "stopping"]


class Supervisor:
    """Servers, provisioning, processes, in this order; restarts what dies; stops in reverse.

    Args:
        settings: an unset address means an embedded server.
        processes: what to keep running; empty for servers alone.
        provision: called once with the resolved settings, before any process is started. An
            exception of it ends the start.
        on_event: called with each event, from the supervisor's threads.

    `start` returns when everything runs; supervision goes on in a thread until `stop`.
    """

    def __init__(
        self,
        settings: Settings,
        processes: Sequence[ProcessSpec] = (),
        provision: Callable[[Settings], object] | None = None,
        on_event: Listener = lambda event: None,
    ) -> None:
        self.settings = settings
        self._specs = processes
        self._provision = provision
        self._on_event = on_event
        self._home = Home(settings.home)
        self._lock = HomeLock(self._home.run / "lock")
        self._stop_asked = threading.Event()
        self._mutex = threading.RLock()  # units, and the file that describes them
        self._state: StackState = "starting"
        self._guard: Guard | None = None
        self._servers: Servers | None = None
        self._units: list[Unit] = []
        self._thread: threading.Thread | None = None

    @property
    def api(self) -> str:
        """The URL of the API, where a process serves it."""
        return f"http://{_reached_at(self.settings.api_host)}:{self.settings.api_port}"

    def start(self) -> Settings:
        """Start everything and return the settings with all addresses.

        Raises:
            HomeInUseError: another supervisor runs in this home.
            EmbeddedError: a server does not start, or `request_stop` was called meanwhile.
        """
        self._home.prepare()
        lock = self._lock.acquire()
        try:
            self._guard = Guard(held=(lock,), unlink=self.settings.stack_file)
            self._servers = Servers(self.settings, self._home, self._guard)
            if self._stop_asked.is_set():
                self._servers.cancel()
            self._servers.start(on_ready=self._server_ready)
            self.settings = self._completed(self._servers.settings())
            self._write()
            self._run_provision()
            self._start_processes(self._guard)
        except BaseException:
            self.stop()
            raise
        self._thread = threading.Thread(target=self._supervise, name="supervision", daemon=True)
        self._thread.start()
        return self.settings

    def await_running(self, timeout: float) -> list[str]:
        """Wait until every process does its work; returns the names of those that do not."""
        deadline = time.monotonic() + timeout
        while True:
            with self._mutex:
                late = [unit.name for unit in self._units if unit.state != "running"]
            if not late or time.monotonic() > deadline or self._stop_asked.wait(_TICK / 2):
                return late

    def run_forever(self) -> None:
        """Return after SIGINT, SIGTERM, SIGHUP or `request_stop`, with everything stopped."""
        with self.signals():
            while not self._stop_asked.wait(3600):
                pass
        self.stop()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let SIGINT, SIGTERM and SIGHUP ask this supervisor to stop; main thread only."""

        def handle(number: int, frame: FrameType | None) -> None:
            self.request_stop()

        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def request_stop(self) -> None:
        """Make `run_forever` return, or a `start` that is under way give up."""
        self._stop_asked.set()
        if self._servers is not None:
            self._servers.cancel()

    def stop(self) -> None:
        """Stop processes, then servers; a second call does nothing."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._guard is None:
            self._lock.release()
            return
        with self._mutex:
            self._state = "stopping"
            if self._units:
                self._write()
            self._stop_processes()
            if self._servers is not None:
                self._servers.stop()
            self._guard.close()
            self._guard = None
            self.settings.stack_file.unlink(missing_ok=True)
            self._lock.release()
        self._notify(Event("stopped"))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def describe(self) -> dict[str, Any]:
        """What stack.json says."""
        with self._mutex:
            key = self.settings.api_key
            servers = [u.describe() for u in self._units if isinstance(u, ServerUnit)]
            processes = [u.describe() for u in self._units if isinstance(u, ProcessUnit)]
            return {
                "supervisor_pid": os.getpid(),
                "state": self._state,
                "api": self.api,
                "api_key": key.get_secret_value() if key else None,
                "addresses": self._addresses(),
                "servers": servers,
                "processes": processes,
            }

    def _addresses(self) -> dict[str, str | None]:
        addresses = {name: getattr(self.settings, name) for name in ADDRESSES}
        optional = {name: getattr(self.settings, name) for name in OPTIONAL_ADDRESSES}
        return addresses | {name: url for name, url in optional.items() if url is not None}

    def _completed(self, settings: Settings) -> Settings:
        """The settings with a port that is free and a key."""
        update: dict[str, Any] = {"api_port": next_free(settings.api_port, settings.api_host)}
        if settings.api_key is None:
            update["api_key"] = SecretStr(self._home.secret("api_key"))
        if settings.personal_data_secret is None:
            self._home.secret(PERSONAL_DATA_SECRET_FILE)  # whoever needs it reads it there
        if settings.jwt_secret is None:
            self._home.secret(JWT_SECRET_FILE)
        if settings.webhook_secret is None:
            self._home.secret(WEBHOOK_SECRET_FILE, signing_secret)
        for spec in self._specs:
            if spec.address is not None and getattr(settings, spec.address) is None:
                update[spec.address] = f"http://{LOOPBACK}:{self._home.ports[spec.name]}"
        return settings.model_copy(update=update)

    def _run_provision(self) -> None:
        if self._provision is None:
            return
        started = time.monotonic()
        self._provision(self.settings)
        self._notify(Event("provisioned", facts={"seconds": round(time.monotonic() - started, 2)}))

    def _server_ready(self, server: Server) -> None:
        with self._mutex:
            unit = ServerUnit(server, self._notify)
            unit.adopt()
            self._units.append(unit)
        seconds = round(server.started_in, 2)
        facts = {"pid": server.pid, "port": server.port, "seconds": seconds}
        self._notify(Event("ready", server.name, facts))

    def _start_processes(self, guard: Guard) -> None:
        env = for_processes(self.settings, dict(os.environ))
        with self._mutex:
            for spec in self._specs:
                unit = ProcessUnit(
                    spec,
                    self._home.log(spec.name),
                    self._notify,
                    env=env,
                    guard=guard,
                    healthy=partial(self._healthy, self._address(spec)),
                    metrics_port=self._home.ports[f"{spec.name}-metrics"] if spec.agent else None,
                )
                unit.start()
                self._units.append(unit)
                self._notify(Event("started", spec.name, {"pid": unit.describe()["pid"]}))
            self._state = "running"
            self._write()

    def _address(self, spec: ProcessSpec) -> str:
        """Where a process serves."""
        own: str | None = None if spec.address is None else getattr(self.settings, spec.address)
        return self.api if own is None else own

    def _healthy(self, address: str, path: str) -> bool:
        try:
            return httpx.get(address + path, timeout=1, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def _supervise(self) -> None:
        while not self._stop_asked.wait(_TICK):
            with self._mutex:
                if self._guard is not None and self._guard.ensure():
                    log.warning("guard replaced")
                changes = [unit.tick() for unit in self._units]
                if any(changes):
                    self._write()

    def _stop_processes(self) -> None:
        children = [u.child for u in self._units if isinstance(u, ProcessUnit) and u.child]
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()

    def _write(self) -> None:
        write_private_json(self.settings.stack_file, self.describe())

    def _notify(self, event: Event) -> None:
        level = log.warning if event.what == "died" else log.info
        level(event.what, **({"name": event.name} if event.name else {}), **event.facts)
        with contextlib.suppress(Exception):  # a listener's mistake must not stop supervision
            self._on_event(event)


def _reached_at(host: str) -> str:
    """Where a browser of this machine finds what is bound to a host: not at "all of them"."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "[::1]"
    return host
