"""What happens to projectors, rebuilds, PostgreSQL and the broker, at random."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter

from tests.chaos.broker import Broker
from tests.chaos.projections.backup import Backup
from tests.chaos.projections.pipeline import Pipeline
from tests.chaos.projections.postgres import OwnPostgres
from tests.chaos.projections.projector import STEPS
from tests.chaos.projections.rebuilder import STOPPED
from tests.chaos.spare import Process
from tests.chaos.strikes import Strike

SESSION_S = 2.0
_MOST_PROJECTORS = 3
_STRANGER = "-stranger"
_REBUILD_ENDS_WITHIN_S = 120.0


class Faults:
    """One fault after the other.

    Args:
        seed: of the faults; when exactly they hit is up to the machine.

    Attributes:
        counted: how often each kind of fault happened.
        rebuilt: how many rebuilds came to their end.
        stopped: how many met a record that no projector had made a dead letter yet.
    """

    def __init__(
        self, pipeline: Pipeline, server: OwnPostgres, broker: Broker, backup: Backup, seed: int
    ) -> None:
        self.counted: Counter[str] = Counter()
        self.rebuilt = self.stopped = 0
        self._pipeline = pipeline
        self._server = server
        self._broker = broker
        self._backup = backup
        self._random = random.Random(seed)
        self._rebuild: Process | None = None
        self._kinds = {
            self._kill: 10,
            self._kill_postgres: 7,
            self._strike: 6,
            self._begin_rebuild: 6,
            self._kill_rebuild: 2,
            self._sleep: 3,
            self._join: 3,
            self._join_as_stranger: 2,
            self._leave: 2,
            self._back_up: 2,
            self._restore: 2,
            self._restart_broker: 1,
        }
        # Each of them once however short the run is; a broker is restarted under the agents too.
        self._first = [
            self._kill,
            self._back_up,
            self._kill_postgres,
            self._begin_rebuild,
            self._kill_rebuild,
            self._strike,
            self._join_as_stranger,
            self._kill_postgres,
            self._restore,
            self._begin_rebuild,
            self._join,
            self._sleep,
        ]

    @property
    def kills(self) -> int:
        """Projectors and PostgreSQL killed at random instants."""
        return self.counted["kill"] + self.counted["kill_postgres"]

    def happen(self) -> None:
        """One more fault, and a projector to go on with."""
        if self._first:
            kind = self._first.pop(0)
        else:
            (kind,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
        if kind():
            self.counted[kind.__name__.strip("_")] += 1
        self.go_on()
        time.sleep(self._random.uniform(0.2, 2.0))

    def go_on(self) -> None:
        """At least one projector runs."""
        if not self._pipeline.running():
            self._pipeline.start_projector()

    def end(self) -> None:
        """No rebuild is left behind; one that is running comes to its end."""
        if self._rebuild is not None:
            try:
                self._rebuild.wait(_REBUILD_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._pipeline.kill(self._rebuild)
            self._rebuild_ended()

    def _any(self) -> Process:
        self.go_on()
        return self._random.choice(self._pipeline.running())

    def _kill(self) -> bool:
        self._pipeline.kill(self._any())
        return True

    def _kill_postgres(self) -> bool:
        self._server.kill()
        self._server.start()
        return True

    def _strike(self) -> bool:
        """A projector that kills itself at a step of its work."""
        step, count = self._random.choice(STEPS), self._random.randint(1, 8)
        self._pipeline.kill(self._any())
        self._pipeline.start_projector(strikes=[Strike(step=step, count=count, delay=0.02)])
        return True

    def _sleep(self) -> bool:
        """Past the session: the group has given its partitions to others when it wakes."""
        sleeper = self._any()
        self._join()
        sleeper.send_signal(signal.SIGSTOP)
        time.sleep(2.5 * SESSION_S)
        sleeper.send_signal(signal.SIGCONT)
        return True

    def _leave(self) -> bool:
        self._any().send_signal(signal.SIGTERM)
        return True

    def _join(self, stranger: str = "") -> bool:
        """A second projector by mistake."""
        room = len(self._pipeline.running()) < _MOST_PROJECTORS
        if room:
            self._pipeline.start_projector(stranger=stranger)
        return room

    def _join_as_stranger(self) -> bool:
        """One that knows nothing of the others, and is given every partition."""
        return self._join(_STRANGER)

    def _begin_rebuild(self) -> bool:
        if self._rebuild is not None and self._rebuild.poll() is None:
            return False
        self._rebuild_ended()
        name = self._random.choice(self._pipeline.names)
        self._rebuild = self._pipeline.start_rebuild(name)
        return True

    def _kill_rebuild(self) -> bool:
        if self._rebuild is None or self._rebuild.poll() is not None:
            return False
        self._pipeline.kill(self._rebuild)
        return True

    def _rebuild_ended(self) -> None:
        if self._rebuild is not None:
            code = self._rebuild.poll()
            self.rebuilt += code == 0
            self.stopped += code == STOPPED
        self._rebuild = None

    def _back_up(self) -> bool:
        """No fault: what a later one restores."""
        self._backup.take()
        return False

    def _restore(self) -> bool:
        """The newest backup, while the log has gone on."""
        if self._backup.exists:
            self._backup.restore()
        return self._backup.exists

    def _restart_broker(self) -> bool:
        self._broker.kill()
        self._broker.start()
        return True
