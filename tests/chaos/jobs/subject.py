"""Jobs in a queue, workers killed at random, then every story read once more."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection

from infra.settings import Settings
from streams.decisions.queries import queries
from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import Queue
from streams.generation.schema import prepare
from tests.chaos.broker import Broker
from tests.chaos.jobs.verdict import Verdict, judge
from tests.chaos.jobs.worker import Options
from tests.chaos.outcome import Outcome
from tests.chaos.projections.postgres import postgres
from tests.chaos.spare import Process, told
from tests.unit.generation.requests import queued

_MODULE = "tests.chaos.jobs.worker"
_WORKERS = 2
_BATCH = 200  # jobs queued in one transaction
_STANDSTILL_S = 60.0
_RETRIES = 10  # a job may meet several kills

_SQL = queries(Path(__file__).with_name("verdict.sql"))


def run(settings: Settings, broker: Broker, *, short: bool, seed: int) -> Outcome:
    """What it came to. PostgreSQL is one of its own; the broker is not needed."""
    jobs, kills = (400, 8) if short else (10_000, 30)
    with postgres() as server, tempfile.TemporaryDirectory(prefix="groundswell-chaos-") as home:
        return struck(server.address, Path(home), jobs=jobs, kills=kills, seed=seed)


def struck(dsn: str, home: Path, *, jobs: int, kills: int, seed: int) -> Outcome:
    """Queue jobs in an empty database, and kill workers while they make them.

    Args:
        home: for artifacts and the provider's calls.
    """
    started = time.monotonic()
    prepare(dsn)
    names = [f"job-{number}" for number in range(jobs)]
    asyncio.run(_queue(dsn, names))
    options = Options(dsn=dsn, artifacts=(home / "artifacts").as_uri(), calls=home / "calls")
    with psycopg.connect(dsn, autocommit=True) as conn:
        killed = _kill_at_random(conn, options, jobs, kills, random.Random(seed))
        calls = [line.split()[0] for line in options.calls.read_text().splitlines()]
        verdict = judge(conn, names, calls)
    for what in verdict.wrong[:5]:
        print(what)
    return _outcome(verdict, killed, jobs, len(calls), time.monotonic() - started)


async def _queue(dsn: str, names: list[str]) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as conn:
        for first in range(0, len(names), _BATCH):
            now = dt.datetime.now(dt.UTC)
            request = queued(max_retries=_RETRIES)
            batch = [(name, Queue(now, request)) for name in names[first : first + _BATCH]]
            await commands.queue_all(conn, batch)


def _kill_at_random(
    conn: Connection[Any], options: Options, jobs: int, kills: int, chance: random.Random
) -> int:
    """Kill workers as the jobs go on, until all have ended or nothing moves; how many."""
    text = options.model_dump_json()
    workers = [told(text, _MODULE)[0] for _ in range(_WORKERS)]
    marks = sorted(chance.uniform(0.0, jobs) for _ in range(kills))  # in jobs that have ended
    killed, ended, moved = 0, 0, time.monotonic()
    try:
        while ended < jobs and time.monotonic() - moved < _STANDSTILL_S:
            now = _ended(conn)
            if now != ended:
                ended, moved = now, time.monotonic()
            if killed < kills and ended >= marks[killed]:
                victim = chance.randrange(_WORKERS)
                time.sleep(chance.uniform(0.0, 0.2))
                _end(workers[victim])
                workers[victim] = told(text, _MODULE)[0]
                killed += 1
            workers = [w if w.poll() is None else told(text, _MODULE)[0] for w in workers]
            time.sleep(0.05)
        return killed
    finally:
        for worker in workers:
            _end(worker)


def _end(worker: Process) -> None:
    worker.kill()
    worker.wait()


def _ended(conn: Connection[Any]) -> int:
    row = conn.execute(_SQL["ended"]).fetchone()
    return row[0] if row is not None else 0


def _outcome(verdict: Verdict, kills: int, jobs: int, calls: int, seconds: float) -> Outcome:
    return Outcome(
        faults=kills,
        lost=verdict.unfinished + verdict.torn + verdict.unannounced,
        doubled=verdict.ended_again + verdict.called_again,
        events=jobs,
        kinds={"kill": kills},
        seconds=round(seconds),
        besides={
            "calls": calls,
            "unfinished": verdict.unfinished,
            "ended_again": verdict.ended_again,
            "called_again": verdict.called_again,
            "unannounced": verdict.unannounced,
            "left_in_queue": verdict.left,
        },
    )
