"""Eight writers, a relay, faults for a while; then what was decided is held against the topic."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.generation import Stories
from benchmarks.measured import started
from infra.settings import Settings
from schemas.catalogue import GENERATION_EVENTS
from streams.generation.schema import prepare
from tests.chaos.broker import Broker
from tests.chaos.outcome import Outcome
from tests.chaos.projections.postgres import OwnPostgres, postgres
from tests.chaos.spare import Process, told
from tests.integration.columnar.topics import create

_MODULE = "tests.chaos.relay.process"
_CATCH_UP_S = 120.0
_RATE = 200  # decisions/s

Place = tuple[str, int]  # job and version


class Faults:
    """What happens to the relay, its broker and its PostgreSQL, at random."""

    def __init__(self, settings: Settings, server: OwnPostgres, broker: Broker, seed: int) -> None:
        self.counted: Counter[str] = Counter()
        self._told = settings.model_dump_json(exclude_none=True)
        self._server = server
        self._broker = broker
        self._random = random.Random(seed)
        self._relays: list[Process] = []
        self._kinds = {self._kill_relay: 6, self._kill_postgres: 2, self._kill_broker: 1}
        self._first = [self._kill_relay, self._kill_broker, self._kill_postgres]

    def happen(self) -> None:
        """One more fault; each kind once before chance has its way."""
        self.go_on()
        time.sleep(self._random.uniform(0.5, 3.0))
        if self._first:
            kind = self._first.pop(0)
        else:
            (kind,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
        kind()
        self.counted[kind.__name__.strip("_")] += 1

    def go_on(self) -> None:
        """Two relays run, of which one works."""
        self._relays = [relay for relay in self._relays if relay.poll() is None]
        while len(self._relays) < 2:
            self._relays.append(told(self._told, _MODULE)[0])

    def end(self) -> None:
        """No relay is left."""
        for relay in self._relays:
            relay.kill()
            relay.wait()

    def _kill_relay(self) -> None:
        for relay in self._relays[:1]:
            relay.kill()
            relay.wait()

    def _kill_postgres(self) -> None:
        self._server.kill()
        self._server.start()

    def _kill_broker(self) -> None:
        self._broker.kill()
        self._broker.start()


def run(settings: Settings, broker: Broker, *, short: bool, seed: int) -> Outcome:
    """What it came to.

    Args:
        settings: with the broker's address and that of a registry; PostgreSQL is one of its own.
    """
    faults, seconds = (8, 30) if short else (40, 240)
    begun = time.monotonic()
    with postgres() as server, tempfile.TemporaryDirectory(prefix="groundswell-chaos-") as home:
        settings = settings.model_copy(update={"database_url": server.address})
        prepare(settings.dsn)
        create(settings, GENERATION_EVENTS)
        committed = Path(home) / "committed"
        with _faults(settings, server, broker, seed) as happening:
            load = _load(settings, committed, seconds)
            while load.poll() is None or happening.counted.total() < faults:
                happening.happen()
            decided = _decided(settings.dsn)
            relayed = _relayed(settings, decided, happening)
            counted = happening.counted
        acknowledged = _acknowledged(committed)
    return _outcome(acknowledged, decided, relayed, counted, time.monotonic() - begun)


@contextmanager
def _faults(settings: Settings, server: OwnPostgres, broker: Broker, seed: int) -> Iterator[Faults]:
    faults = Faults(settings, server, broker, seed)
    try:
        yield faults
    finally:
        faults.end()


def _load(settings: Settings, committed: Path, seconds: int) -> subprocess.Popen[bytes]:
    options = {
        "dsn": settings.dsn,
        "committed": str(committed),
        "seconds": seconds,
        "rate": _RATE,
    }
    return started("benchmarks.relay_load", options)


def _acknowledged(committed: Path) -> set[Place]:
    """What the writers were told is committed."""
    lines = [line.split() for line in committed.read_text().splitlines()]
    return {(line[0], int(line[1])) for line in lines}


def _decided(dsn: str) -> set[Place]:
    """What is in the store."""
    with psycopg.connect(dsn) as conn:
        return set(conn.execute("SELECT stream_id, version FROM decision_events").fetchall())


def _relayed(settings: Settings, wanted: set[Place], faults: Faults) -> list[Place]:
    """What is in the topic, once all that is wanted is there or nothing more comes."""
    stories = Stories(settings)
    found: list[Place] = []
    missing = set(wanted)
    deadline = time.monotonic() + _CATCH_UP_S
    while missing and time.monotonic() < deadline:
        faults.go_on()
        places = [(event["job_id"], event["version"]) for _, event in stories.read(0.5)]
        found += places
        missing -= set(places)
    stories.close()
    return found


def _outcome(
    acknowledged: set[Place],
    decided: set[Place],
    relayed: list[Place],
    counted: Counter[str],
    seconds: float,
) -> Outcome:
    first = list(dict.fromkeys(relayed))
    latest: Counter[str] = Counter()
    disordered = 0
    for job, version in first:
        disordered += version != latest[job] + 1
        latest[job] = version
    unstored = len(acknowledged - decided)
    unpublished = len(decided - set(first))
    invented = len(set(first) - decided)
    return Outcome(
        faults=counted.total(),
        lost=unstored + unpublished,
        doubled=disordered + invented,
        events=len(decided),
        kinds=dict(counted),
        seconds=round(seconds),
        besides={
            "repeats": len(relayed) - len(first),
            "disordered": disordered,
            "acknowledged": len(acknowledged),
        },
    )
