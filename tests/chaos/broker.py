"""A Kafka of a test's own, which may be killed, stopped and started again."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.guard import Guard
from infra.embedded.home import Home
from infra.embedded.kafka import Kafka

_IN_A_HURRY = """
# A member that was killed is given up within a second or two, not ten.
group.min.session.timeout.ms=500
log.cleaner.backoff.ms=500
log.initial.task.delay.ms=500
"""


class Broker(Kafka):
    """The embedded broker, in a hurry."""

    def prepare(self) -> None:
        """As the embedded one, with shorter times."""
        super().prepare()
        with self._properties.open("a") as file:
            file.write(_IN_A_HURRY)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)
        assert self.child is not None
        self.child.wait(10)

    def pause(self) -> None:
        """Let it hang: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.pid is not None
        os.kill(self.pid, number)


@contextmanager
def broker() -> Iterator[Broker]:
    """A broker that answers; it is gone afterwards, data included."""
    directory = Path(tempfile.mkdtemp(prefix="groundswell-chaos-"))
    home = Home(directory)
    home.prepare()
    guard = Guard()
    server = Broker(home, guard)
    try:
        server.start()
        yield server
    finally:
        server.resume()
        server.stop()
        guard.close()
        shutil.rmtree(directory, ignore_errors=True)
