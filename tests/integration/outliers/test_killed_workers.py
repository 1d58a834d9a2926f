"""Workers killed at random: every analysis ends exactly once, with the right result."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from psycopg import AsyncConnection

from streams.outliers.analyses.schema import prepare
from tests.integration.outliers.runs import ask, connected, events, state, stopped
from tests.unit.outliers.analyses.a_world import World
from tests.unit.outliers.analyses.stories import request, verify

_WORKERS = 2
_DELAY = 0.02  # seconds that a call takes


class Workers:
    """Processes, one of which is killed now and then and replaced."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._running = [self._new() for _ in range(_WORKERS)]

    def kill(self, chance: random.Random) -> None:
        place = chance.randrange(_WORKERS)
        _end(self._running[place])
        self._running[place] = self._new()

    def stop(self) -> None:
        for process in self._running:
            _end(process)

    def _new(self) -> subprocess.Popen[bytes]:
        module = "tests.integration.outliers.an_analysis_worker"
        return subprocess.Popen(
            [sys.executable, "-m", module, self._dsn, str(_DELAY)],
            stdout=subprocess.DEVNULL,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.mark.parametrize(("runs", "kills"), [(4, 2), pytest.param(30, 12, marks=pytest.mark.slow)])
def test_analyses_whose_workers_are_killed_end_once(database: str, runs: int, kills: int) -> None:
    prepare(database)
    chance = random.Random(5)
    world = World()
    asked = {f"run-{number}": request(world, number % 20) for number in range(runs)}

    async def recorded() -> int:
        async def counted(conn: AsyncConnection[Any]) -> int:
            row = await (await conn.execute("SELECT count(*) FROM decision_events")).fetchone()
            assert row is not None
            return int(row[0])

        return await connected(database, counted)

    async def scenario(workers: Workers) -> None:
        for analysis_id, one in asked.items():
            await ask(database, analysis_id, one)
        struck = 0
        while struck < kills:  # in the middle of the work: after so many more events
            enough = await recorded() + chance.randrange(5, 30)
            while await recorded() < enough:
                await asyncio.sleep(0.01)
            workers.kill(chance)
            struck += 1
        while await stopped(database, tuple(asked), ["Completed", "Failed"]) < runs:
            await asyncio.sleep(0.05)

    workers = Workers(database)
    try:
        asyncio.run(scenario(workers))
    finally:
        workers.stop()
    for analysis_id, one in asked.items():
        verify(asyncio.run(state(database, analysis_id)), world, one)
        story = asyncio.run(events(database, analysis_id))
        kinds = Counter(kind for kind, _ in story)
        assert story[-1][0] == "Completed"
        assert (kinds["Completed"], kinds["Failed"], kinds["StepStarted"]) == (1, 0, 5)
        for kind, name in (
            ("CompetitorRead", "name"),
            ("QuerySearched", "query"),
            ("UploadsListed", "channel_id"),
            ("ChannelAnalyzed", "channel_id"),
        ):
            told = [body[name] for one, body in story if one == kind]
            assert len(told) == len(set(told)), f"{kind} twice"
