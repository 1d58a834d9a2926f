"""Projections under faults for minutes, then every row and dead letter counted once more."""

from __future__ import annotations

import threading
import time
import uuid

from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from tests.chaos.broker import Broker
from tests.chaos.outcome import Outcome, spread
from tests.chaos.projections.backup import Backup
from tests.chaos.projections.faults import SESSION_S, Faults
from tests.chaos.projections.load import Load
from tests.chaos.projections.pipeline import Pipeline, pipeline
from tests.chaos.projections.postgres import postgres

_NAMES = list(PROJECTIONS)
_CATCH_UP_S = 240.0


def run(settings: Settings, broker: Broker, *, short: bool, seed: int) -> Outcome:
    """What it came to: as the projectors left the tables, and as rebuilds then make them.

    Args:
        settings: with the broker's address and that of a registry; PostgreSQL is one of its own.
    """
    events, kills, seconds = (30_000, 8, 40.0) if short else (400_000, 60, 300.0)
    suffix = f"chaos-{uuid.uuid4().hex[:8]}"
    with postgres() as server:
        settings = settings.model_copy(update={"database_url": server.address})
        with pipeline(settings, suffix, _NAMES, session=SESSION_S) as running:
            load = Load(running.settings, running.topics, seed=seed)
            loader = threading.Thread(target=spread, args=(load.publish, events, seconds))
            loader.start()
            backup = Backup(server, running.settings.home)
            faults = Faults(running, server, broker, backup, seed)
            started = time.monotonic()
            while loader.is_alive() or faults.kills < kills:
                faults.happen()
            loader.join()
            faults.end()
            behind = _behind(running, faults)
            running.end()
            expected = running.recount()
            verdicts = [running.verdict(expected)]
            failed = running.start_rebuild(*_NAMES).wait(_CATCH_UP_S) != 0
            verdicts.append(running.verdict(expected))
    for verdict in verdicts:
        for key, how in list(verdict.wrong.items())[:5]:
            print(f"{key}: {how}")
    return Outcome(
        faults=faults.counted.total(),
        lost=sum(verdict.lost for verdict in verdicts) + behind + failed,
        doubled=sum(verdict.doubled for verdict in verdicts),
        events=expected.events,
        kinds=dict(faults.counted),
        seconds=round(time.monotonic() - started),
        besides={
            "rows": sum(map(len, expected.tables.values())),
            "letters": len(expected.bad),
            "rebuilt": faults.rebuilt,
            "rebuilds_stopped": faults.stopped,
        },
    )


def _behind(running: Pipeline, faults: Faults) -> int:
    """Wait for the projectors to come to the end; how many partitions did not."""
    deadline = time.monotonic() + _CATCH_UP_S
    while not running.caught_up():
        if time.monotonic() > deadline:
            print("not caught up")
            for projector in running.projectors[-3:]:
                print(running.log(projector)[-1500:])
            at = running.checkpoints()
            return sum(at.get(where) != end for where, end in running.ends().items())
        faults.go_on()
        time.sleep(0.5)
    return 0
