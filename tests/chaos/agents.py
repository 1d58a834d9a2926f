"""Agents under faults for minutes, then every event counted once more."""

from __future__ import annotations

import random
import signal
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

from infra.settings import Settings
from tests.chaos.broker import Broker
from tests.chaos.load import Load
from tests.chaos.outcome import Outcome, spread
from tests.chaos.pipeline import Pipeline, Process, ending
from tests.chaos.strikes import Strike
from tests.chaos.worker import STEPS
from tests.integration.columnar.topics import create, output_topic, source_topic

_PARTITIONS = 4
_HORIZON = 20_000
_SESSION_S = 3.0
_MOST_WORKERS = 3
_CATCH_UP_S = 180.0


class Faults:
    """What happens to the workers and their broker, at random.

    Args:
        seed: of the faults; when exactly they hit is up to the machine.
    """

    def __init__(self, pipeline: Pipeline, server: Broker, seed: int) -> None:
        self.counted: Counter[str] = Counter()
        self._pipeline = pipeline
        self._server = server
        self._random = random.Random(seed)
        self._kinds = {
            self._kill: 10,
            self._strike: 6,
            self._sleep: 3,
            self._leave: 2,
            self._join: 3,
            self._restart_broker: 1,
        }

    def happen(self) -> None:
        """One more fault, and a worker to go on with."""
        (kind,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
        kind()
        self.counted[kind.__name__.strip("_")] += 1
        self.go_on()
        time.sleep(self._random.uniform(0.2, 2.5))

    def go_on(self) -> None:
        """At least one worker runs."""
        if not self._running():
            self._pipeline.start_worker()

    def _running(self) -> list[Process]:
        return [worker for worker in self._pipeline.workers if worker.poll() is None]

    def _any(self) -> Process:
        self.go_on()
        return self._random.choice(self._running())

    def _kill(self) -> None:
        self._pipeline.kill(self._any())

    def _strike(self) -> None:
        """A worker that kills itself at a step of its work."""
        step, count = self._random.choice(STEPS), self._random.randint(1, 4)
        self._pipeline.kill(self._any())
        self._pipeline.start_worker(strikes=[Strike(step=step, count=count, delay=0.05)])

    def _sleep(self) -> None:
        """Past the session: the group has given its partitions to others when it wakes."""
        sleeper = self._any()
        if len(self._running()) < _MOST_WORKERS:
            self._pipeline.start_worker()
        sleeper.send_signal(signal.SIGSTOP)
        time.sleep(2.5 * _SESSION_S)
        sleeper.send_signal(signal.SIGCONT)

    def _leave(self) -> None:
        self._any().send_signal(signal.SIGTERM)

    def _join(self) -> None:
        if len(self._running()) < _MOST_WORKERS:
            self._pipeline.start_worker()

    def _restart_broker(self) -> None:
        self._server.kill()
        self._server.start()


def run(settings: Settings, server: Broker, *, short: bool, seed: int) -> Outcome:
    """What it came to.

    Args:
        settings: with the broker's address and that of a registry.
    """
    events, kills, seconds = (150_000, 8, 40.0) if short else (2_000_000, 50, 300.0)
    with tempfile.TemporaryDirectory(prefix="groundswell-chaos-logs-") as directory:
        told = {
            "groundswell_home": Path(directory),
            "flush_seconds": 0.3,
            "watchdog_seconds": 30.0,
        }
        settings = settings.model_copy(update=told)
        mark = uuid.uuid4().hex[:8]
        source = source_topic(f"chaos-{mark}", _PARTITIONS)
        output = output_topic(f"chaos-scores-{mark}", _PARTITIONS)
        create(settings, source, output)
        options = {"session": _SESSION_S}
        with ending(
            Pipeline(settings, source, output, Path(directory), _HORIZON, options)
        ) as pipeline:
            load = Load(settings, source, seed=seed)
            loader = threading.Thread(target=spread, args=(load.publish, events, seconds))
            loader.start()
            faults = Faults(pipeline, server, seed)
            started = time.monotonic()
            while loader.is_alive() or faults.counted["kill"] < kills:
                faults.happen()
            loader.join()
            behind = _caught_up(pipeline, faults)
            expected, verdict = pipeline.recount()
    for (partition, video), how in list(verdict.wrong.items())[:5]:
        print(f"{video} in partition {partition}: {how}")
    return Outcome(
        faults=faults.counted.total(),
        # A row may be wrong in two ways that cancel each other out.
        lost=max(verdict.lost, bool(verdict.wrong)) + len(behind),
        doubled=verdict.doubled,
        events=expected.events,
        kinds=dict(faults.counted),
        seconds=round(time.monotonic() - started),
        besides={"duplicates": expected.duplicates},
    )


def _caught_up(pipeline: Pipeline, faults: Faults) -> list[str]:
    """Wait for the workers to come to the end; what they say where they do not."""
    deadline = time.monotonic() + _CATCH_UP_S
    while not pipeline.caught_up():
        if time.monotonic() > deadline:
            logs = [pipeline.log(worker)[-1500:] for worker in pipeline.workers[-3:]]
            print("not caught up\n" + "\n".join(logs))
            return logs
        faults.go_on()
        time.sleep(0.5)
    return []
