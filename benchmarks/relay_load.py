"""Eight writers who append decisions, at a steady rate or as fast as they can.

Each writes jobs' stories of its own. Some of their transactions stay open for a while and commit
late. What was committed, and when, is written down in a file as it happens.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psycopg
import uvloop
from psycopg import AsyncConnection

from benchmarks.generation import a_job
from streams.decisions.execution import Decision, execute
from streams.generation.jobs.events import JobEvent
from streams.generation.jobs.job import JOBS, Job
from streams.generation.jobs.job_commands import (
    Complete,
    JobCommand,
    Queue,
    ReportProgress,
    StartAttempt,
)

WRITERS = 8
_LATE = 0.01  # share of transactions that stay open, where there is a rate to keep
_OPEN_S = (0.05, 0.5)  # for how long
_RECONNECT_S = 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """What a load is told.

    Attributes:
        committed: file of lines `job version before after`: committed between these two times, in
            seconds since 1970.
        rate: decisions/s of all writers together; None: as many as they can.
        mark: names the jobs of this load.
    """

    dsn: str
    committed: str
    seconds: float
    rate: float | None = None
    mark: str = "load"


class Writer:
    """Writes stories of five events, one after the other.

    An append whose connection broke may have been committed or not: it is looked at again.
    """

    def __init__(self, options: Options, number: int, committed: TextIO) -> None:
        self._options = options
        self._name = f"{options.mark}-{number}"
        self._committed = committed
        self._chance = random.Random(number)
        self.told = 0

    async def run(self, until: float) -> None:
        """Write until then (monotonic)."""
        job, step = 0, 0
        known: Decision[Job, JobEvent] | None = None
        due = time.monotonic()
        conn = await _connected(self._options.dsn)
        while time.monotonic() < until:
            if self._options.rate is not None:
                due += WRITERS / self._options.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            job_id = f"{self._name}-{job}"
            try:
                known = await self._step(conn, job_id, step, known)
            except psycopg.OperationalError:
                await conn.close()
                conn = await _connected(self._options.dsn)
                # Whether it was committed nobody said; the story goes on with another job.
                job, step, known = job + 1, 0, None
                continue
            step += 1
            if step == len(_STEPS):
                job, step, known = job + 1, 0, None
        await conn.close()

    async def _step(
        self,
        conn: AsyncConnection[Any],
        job_id: str,
        step: int,
        known: Decision[Job, JobEvent] | None,
    ) -> Decision[Job, JobEvent]:
        command = _STEPS[step](self.told)
        if self._options.rate is not None and self._chance.random() < _LATE:
            async with conn.transaction():
                decision = await execute(conn, JOBS, job_id, command, known=known)
                await asyncio.sleep(self._chance.uniform(*_OPEN_S))
                before = time.time()
        else:
            before = time.time()
            decision = await execute(conn, JOBS, job_id, command, known=known)
        self._committed.write(f"{job_id} {decision.version} {before:.6f} {time.time():.6f}\n")
        self.told += 1
        return decision


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _queue(number: int) -> JobCommand:
    return Queue(_now(), a_job(number))


def _start(number: int) -> JobCommand:
    return StartAttempt(_now(), "noop", "none", "token", "writer")


def _report(percent: float) -> Any:
    return lambda number: ReportProgress(_now(), "token", percent, "frames")


def _complete(number: int) -> JobCommand:
    return Complete(_now(), "token", "a.mp4", "a.jpg", 1, "0" * 64, 4.0, 0.0)


_STEPS = (_queue, _start, _report(30.0), _report(60.0), _complete)


async def _connected(dsn: str) -> AsyncConnection[Any]:
    while True:
        try:
            return await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=2)
        except psycopg.OperationalError:
            await asyncio.sleep(_RECONNECT_S)


async def write(options: Options) -> dict[str, float]:
    """Write; decisions committed and the seconds that took."""
    begun = time.monotonic()
    until = begun + options.seconds
    with Path(options.committed).open("a", buffering=1) as committed:
        writers = [Writer(options, number, committed) for number in range(WRITERS)]
        await asyncio.gather(*(writer.run(until) for writer in writers))
    told = sum(writer.told for writer in writers)
    return {"events": told, "seconds": time.monotonic() - begun}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(write(Options(**json.loads(sys.argv[1]))))))
