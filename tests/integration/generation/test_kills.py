"""Processes killed at random: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from streams.decisions.store import append
from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import Complete, Queue, StartAttempt
from tests.chaos.jobs.subject import struck
from tests.chaos.jobs.verdict import judge
from tests.integration.generation.seats import NOW, Taken
from tests.integration.generation.stories import connect, until
from tests.unit.generation.requests import queued

_WRITERS, _EVENTS = 8, 40  # events of each writer
_KILLS = 2


@contextmanager
def relaying(dsn: str, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    module = "tests.integration.generation.a_relay"
    process = subprocess.Popen([sys.executable, "-m", module, dsn, str(file)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def write(dsn: str, stream: str, chance: random.Random) -> None:
    async with await connect(dsn) as conn:
        for version in range(_EVENTS):
            async with conn.transaction():
                await append(conn, "rooms", stream, [Taken(stream)], expected=version, at=NOW)
                await asyncio.sleep(0.1 if chance.random() < 0.05 else 0.0)
            await asyncio.sleep(0.01)


def published(file: Path) -> list[tuple[str, int]]:
    """What the relays have published, in their order; half a line is nothing."""
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines if line.endswith("\n")]


def test_a_relay_that_is_killed_may_repeat_and_skips_nothing(prepared: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        file = tmp_path / "published"
        streams = [f"room-{number}" for number in range(_WRITERS)]
        chance = random.Random(1)

        async def has(count: int) -> None:
            async def enough() -> bool:
                return len(set(published(file))) >= count

            await until(enough)

        writers = asyncio.gather(*(write(prepared, stream, chance) for stream in streams))
        for number in range(_KILLS):
            with relaying(prepared, file):
                await has((number + 1) * _WRITERS * _EVENTS // (_KILLS + 2))
        await writers
        with relaying(prepared, file):
            await has(_WRITERS * _EVENTS)
        latest: Counter[str] = Counter()
        for stream, version in dict.fromkeys(published(file)):
            assert version == latest[stream] + 1
            latest[stream] = version
        assert latest == dict.fromkeys(streams, _EVENTS)

    asyncio.run(scenario())


def test_the_verdict_sees_what_is_wrong(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            start = StartAttempt(NOW, "noop", "none", "token", "w")
            for job in ("done", "running"):
                await commands.decide(conn, job, Queue(NOW, queued()))
                await commands.decide(conn, job, start)
            made = Complete(NOW, "token", "a", "t", 1, "0", 1.0, 1.0)
            await commands.decide(conn, "done", made)

    asyncio.run(scenario())
    with psycopg.connect(prepared) as conn:
        verdict = judge(conn, ["done", "running", "lost"], ["done:1", "done:1", "running:2"])
        assert (verdict.unfinished, verdict.called_again, verdict.unannounced) == (2, 1, 1)
        assert (verdict.ended_again, verdict.torn, verdict.left) == (0, 0, 2)
        assert judge(conn, ["done"], ["done:1"]).wrong == []


@pytest.mark.slow
def test_jobs_whose_workers_are_killed_end_once(database: str, tmp_path: Path) -> None:
    outcome = struck(database, tmp_path, jobs=150, kills=6, seed=3)
    assert outcome.faults == 6
    assert (outcome.lost, outcome.doubled) == (0, 0)
