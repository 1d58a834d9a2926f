"""A unit is a server or a process under supervision."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from infra.embedded.child import PROCESS_RANK, Child, Command
from infra.embedded.errors import EmbeddedError
from infra.embedded.guard import Guard
from infra.embedded.ports import LOOPBACK
from infra.embedded.server import Server
from infra.processes import ProcessSpec
from infra.supervisor.backoff import Backoff

State = Literal["starting", "running", "waiting", "stopped"]


@dataclass(frozen=True)
class Event:
    """Something the supervisor did or saw.

    Attributes:
        what: `started`, `ready`, `died`, `restarted`, `provisioned` or `stopped`.
        name: of the server or process; empty for the stack itself.
        facts: `pid`, `exit_code`, `seconds`, `delay`, ... as they apply.
    """

    what: str
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Unit(ABC):
    """Keeps one child running; `tick` never waits long."""

    def __init__(self, name: str, log: Path, notify: Listener) -> None:
        self.name = name
        self.log = log
        self.state: State = "stopped"
        self.since = datetime.now(UTC)
        self.restarts = 0
        self.last_exit: int | None = None
        self._notify = notify
        self._backoff = Backoff()
        self._spawned_at = 0.0
        self._retry_at = 0.0

    @property
    @abstractmethod
    def child(self) -> Child | None:
        """The running child, or the last one."""

    @abstractmethod
    def spawn(self) -> None:
        """Run a new child."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the child does its work."""

    def start(self) -> None:
        """Run the first child."""
        self._spawned_at = time.monotonic()
        self.spawn()
        self._become("starting")

    def adopt(self) -> None:
        """Take over a child that was started and found ready elsewhere."""
        self._spawned_at = time.monotonic()
        self._become("running")

    def tick(self) -> bool:
        """Look after the child once; True where something changed."""
        before = self.state
        now = time.monotonic()
        if self.state in ("starting", "running"):
            self._look(now)
        elif self.state == "waiting" and now >= self._retry_at:
            self._restart()
        return self.state != before

    def describe(self) -> dict[str, Any]:
        """Its entry in stack.json."""
        running = self.state in ("starting", "running")
        return {
            "name": self.name,
            "pid": self.child.pid if running and self.child else None,
            "state": self.state,
            "since": self.since.isoformat(),
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "log": str(self.log),
        }

    def _look(self, now: float) -> None:
        assert self.child is not None
        code = self.child.poll()
        if code is not None:
            delay = self._backoff.after(now - self._spawned_at)
            self.last_exit = code
            self._retry_at = now + delay
            self._become("waiting")
            self._notify(Event("died", self.name, {"exit_code": code, "delay": delay}))
        elif self.state == "starting" and self.ready():
            self._become("running")
            seconds = round(time.monotonic() - self._spawned_at, 2)
            self._notify(Event("ready", self.name, {"pid": self.child.pid, "seconds": seconds}))

    def _restart(self) -> None:
        self.restarts += 1
        try:
            self.start()
        except (OSError, EmbeddedError) as error:
            delay = self._backoff.after(0)
            self._retry_at = time.monotonic() + delay
            self._notify(Event("died", self.name, {"reason": str(error), "delay": delay}))
            return
        assert self.child is not None
        facts = {"pid": self.child.pid, "restarts": self.restarts}
        self._notify(Event("restarted", self.name, facts))

    def _become(self, state: State) -> None:
        self.state = state
        self.since = datetime.now(UTC)


class ServerUnit(Unit):
    """An embedded server; it comes back on the port it had."""

    def __init__(self, server: Server, notify: Listener) -> None:
        super().__init__(server.name, server.home.log(server.name), notify)
        self.server = server

    @property
    def child(self) -> Child | None:
        """The server's process."""
        return self.server.child

    def spawn(self) -> None:
        """Prepare again too: a lock file of the dead server may be in the way."""
        self.server.prepare()
        self.server.spawn()

    def ready(self) -> bool:
        """Whether it answers in its protocol."""
        return self.server.ready()

    def describe(self) -> dict[str, Any]:
        """As every unit, and its port."""
        return {**super().describe(), "port": self.server.port}


class ProcessUnit(Unit):
    """A process of the stack."""

    def __init__(
        self,
        spec: ProcessSpec,
        log: Path,
        notify: Listener,
        *,
        env: Mapping[str, str],
        guard: Guard,
        healthy: Callable[[str], bool],
        metrics_port: int | None = None,
        grace: float = 10.0,
    ) -> None:
        super().__init__(spec.name, log, notify)
        self.spec = spec
        port = {} if metrics_port is None else {"METRICS_PORT": str(metrics_port)}
        self._command = Command(spec.argv, env={**env, **spec.env, **port}, grace=grace)
        self._metrics_port = metrics_port
        self._guard = guard
        self._healthy = healthy
        self._child: Child | None = None

    @property
    def child(self) -> Child | None:
        """The process."""
        return self._child

    def spawn(self) -> None:
        """Run it, its output appended to its log."""
        self._child = Child(self._command, self.log, self._guard, PROCESS_RANK)

    def describe(self) -> dict[str, Any]:
        """As every unit; of a worker also its agent, and where it serves its metrics."""
        port = self._metrics_port
        url = None if port is None else f"http://{LOOPBACK}:{port}/metrics"
        return {**super().describe(), "agent": self.spec.agent, "metrics": url}

    def ready(self) -> bool:
        """Whether its health path answers; running is enough where it has none."""
        return self.spec.health is None or self._healthy(self.spec.health)
