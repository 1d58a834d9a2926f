"""The agents of forecasts and actuals under faults for minutes, then every key held to the log."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from infra.provision import provision
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from tests.chaos.broker import Broker
from tests.chaos.outcome import Outcome, spread
from tests.chaos.virality.load import Load
from tests.chaos.virality.verdict import observed, verdict

_AGENTS = ("forecast-agent", "actuals-agent")
_SESSION_S = 10.0  # of the agents' group: for so long a killed one keeps its partitions
_CATCH_UP_S = 240.0
_BEGUN_S = 6.0  # from its start until an agent is at work

Process = subprocess.Popen[bytes]


class Faults:
    """What happens to the two agents and their broker, at random.

    Args:
        seed: of the faults; when exactly they hit is up to the machine.
    """

    def __init__(self, settings: Settings, server: Broker, seed: int) -> None:
        self.counted: Counter[str] = Counter()
        self._settings = settings
        self._server = server
        self._random = random.Random(seed)
        self._running: dict[str, Process] = {}
        self._started = 0
        self._kinds = {
            self._kill: 10,
            self._kill_both: 3,
            self._leave: 2,
            self._sleep: 1,
            self._restart_broker: 1,
        }

    def happen(self) -> None:
        """One more fault, and both agents to go on with."""
        self.go_on()
        time.sleep(self._random.uniform(0.2, _BEGUN_S + 2.0))
        (kind,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
        kind()
        self.counted[kind.__name__.strip("_")] += 1
        self.go_on()

    def go_on(self) -> None:
        """Each of the agents runs."""
        for name in _AGENTS:
            if name not in self._running or self._running[name].poll() is not None:
                self._running[name] = self._start(name)

    def end(self) -> None:
        """Kill what is left."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def said(self) -> str:
        """The end of what the last agents have said."""
        logs = sorted(self._settings.home.glob("*.log"), key=lambda path: path.stat().st_mtime)
        return "\n".join(path.read_text()[-1500:] for path in logs[-2:])

    def _start(self, name: str) -> Process:
        self._started += 1
        log = self._settings.home / f"{name}-{self._started}.log"
        with log.open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "infra.run", name],
                env={**os.environ, **as_environment(self._settings)},
                stdout=said,
                stderr=said,
            )

    def _any(self) -> Process:
        return self._running[self._random.choice(_AGENTS)]

    def _kill(self) -> None:
        process = self._any()
        process.kill()
        process.wait()

    def _kill_both(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()

    def _leave(self) -> None:
        process = self._any()
        process.terminate()
        process.wait()

    def _sleep(self) -> None:
        """Past the session, while another one takes over."""
        name = self._random.choice(_AGENTS)
        sleeper = self._running[name]
        sleeper.send_signal(signal.SIGSTOP)
        self._running[name] = self._start(name)
        time.sleep(1.5 * _SESSION_S)
        sleeper.send_signal(signal.SIGCONT)
        time.sleep(1.0)  # to do what harm it can
        sleeper.kill()
        sleeper.wait()

    def _restart_broker(self) -> None:
        self._server.kill()
        self._server.start()


def run(settings: Settings, server: Broker, *, short: bool, seed: int) -> Outcome:
    """What it came to.

    Args:
        settings: with the broker's address and that of a registry; nobody else uses the broker's
            topics of the catalogue.
    """
    videos, kills, seconds = (900, 5, 40.0) if short else (9_000, 40, 300.0)
    with tempfile.TemporaryDirectory(prefix="groundswell-chaos-logs-") as directory:
        told = {
            "groundswell_home": Path(directory),
            "artifacts_url": (Path(directory) / "artifacts").as_uri(),
            "flush_seconds": 0.3,
            "watchdog_seconds": 60.0,
        }
        settings = settings.model_copy(update=told)
        provision(settings)
        load = Load(settings, videos, seed=seed)
        faults = Faults(settings, server, seed)
        started = time.monotonic()
        try:
            loader = threading.Thread(target=spread, args=(load.publish, load.events, seconds))
            loader.start()
            while loader.is_alive() or _kills(faults.counted) < kills:
                faults.happen()
            loader.join()
            load.close()
            expected = observed(settings)
            found = verdict(settings, expected)
            while found.lost and time.monotonic() - started < seconds + _CATCH_UP_S:
                faults.go_on()
                time.sleep(1.0)
                found = verdict(settings, expected)
            if found.lost:
                print(f"not caught up\n{faults.said()}")
        finally:
            faults.end()
    for key, how in list(found.wrong.items())[:5]:
        print(f"{key}: {how}"[:500])
    return Outcome(
        faults=faults.counted.total(),
        lost=found.lost,
        doubled=found.doubled,
        events=expected.events,
        kinds=dict(faults.counted),
        seconds=round(time.monotonic() - started),
        besides={"videos": len(expected.counts), "predictions": len(expected.predictions)},
    )


def _kills(counted: Counter[str]) -> int:
    return counted["kill"] + counted["kill_both"]
