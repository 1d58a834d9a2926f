"""What all embedded servers have in common."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from typing import ClassVar

from infra.embedded.child import SERVER_RANK, Child, Command, tail
from infra.embedded.errors import EmbeddedError
from infra.embedded.guard import Guard
from infra.embedded.home import Home

_READY_POLL = 0.05  # seconds


class Server(ABC):
    """One server on loopback, with its port and data in a home.

    Life: `prepare` (first start: make the data directory), `spawn`, `ready` until true, `stop`.
    `start` does the first three. A server that died may be spawned again on the same port.
    """

    name: ClassVar[str]
    setting: ClassVar[str]  # the field of Settings it stands in for
    ports: ClassVar[tuple[str, ...]]  # under which names it has ports; the first is its clients'
    start_timeout: ClassVar[float] = 90.0  # seconds

    def __init__(self, home: Home, guard: Guard) -> None:
        self.home = home
        self.guard = guard
        self.child: Child | None = None
        self.started_in = 0.0  # seconds that the last `start` took

    @property
    def port(self) -> int:
        """The port its clients use."""
        return self.home.ports[self.ports[0]]

    def reserve_ports(self) -> None:
        """Choose all its ports."""
        for name in self.ports:
            _ = self.home.ports[name]

    @property
    def pid(self) -> int | None:
        """Its process id once it was spawned."""
        return self.child.pid if self.child else None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where its clients find it, in the form of the setting it stands in for."""

    @abstractmethod
    def command(self) -> Command:
        """What to run."""

    @abstractmethod
    def check(self) -> None:
        """Speak its protocol with it; any exception means not ready."""

    def prepare(self) -> None:  # noqa: B027
        """Make what must exist before it can run; does nothing the second time."""

    def after_ready(self) -> None:  # noqa: B027
        """Make what must exist inside it before others use it; does nothing the second time."""

    def spawn(self) -> None:
        """Run it without waiting for it."""
        self.child = Child(self.command(), self.home.log(self.name), self.guard, SERVER_RANK)

    def ready(self) -> bool:
        """Whether it answers now."""
        try:
            self.check()
        except Exception:
            return False
        return True

    def start(self, cancelled: threading.Event | None = None) -> None:
        """Start it and return once it answers.

        Raises:
            EmbeddedError: it ended, does not answer in time, or `cancelled` was set meanwhile.
        """
        started = time.monotonic()
        self.prepare()
        self.spawn()
        self._await_ready(started + self.start_timeout, cancelled or threading.Event())
        self.after_ready()
        self.started_in = time.monotonic() - started

    def _await_ready(self, deadline: float, cancelled: threading.Event) -> None:
        assert self.child is not None
        while not self.ready():
            code = self.child.poll()
            if code is not None:
                raise EmbeddedError(self._failure(f"ended with exit code {code} at its start"))
            if time.monotonic() > deadline:
                raise EmbeddedError(self._failure("does not answer"))
            if cancelled.wait(_READY_POLL):
                raise EmbeddedError(f"the start of {self.name} was cancelled")

    def stop(self) -> None:
        """Stop it; nothing happens where it does not run."""
        if self.child is not None:
            self.child.stop()

    def _failure(self, what: str) -> str:
        log_file = self.home.log(self.name)
        return f"{self.name} {what}; see {log_file}, which ends:\n{tail(log_file)}"
