"""Who goes next: priorities, and those that wait for long."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from procrastinate import PsycopgConnector
from procrastinate.manager import JobManager
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import Queue
from streams.generation.jobs.queue import QUEUES
from streams.generation.work.turns import FIRST, Turns
from tests.integration.generation.stories import connect
from tests.unit.generation.requests import queued

EVERY = 3  # quicker than in earnest


class Worker:
    """Takes entries as a worker does, and ends each at once."""

    def __init__(self, dsn: str, turns: Turns | None) -> None:
        self._dsn = dsn
        self._turns = turns

    async def __aenter__(self) -> Worker:
        self._connector = PsycopgConnector(conninfo=self._dsn, min_size=1, max_size=2)
        await self._connector.open_async()
        self._manager = JobManager(self._connector)
        self._id = await self._manager.register_worker()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connector.close_async()

    async def take(self) -> str | None:
        """The next entry's job."""
        entry = await self._manager.fetch_job(list(QUEUES), self._id)
        if entry is None:
            return None
        if self._turns is not None:
            await self._turns.taken()
        await self._connector.execute_query_async(
            "DELETE FROM procrastinate_jobs WHERE id = %(id)s", id=entry.id
        )
        return str(entry.task_kwargs["job_id"])


async def ask(conn: AsyncConnection[Any], job_id: str, priority: str) -> None:
    wish = Queue(dt.datetime.now(dt.UTC), queued(priority=priority))
    await commands.decide(conn, job_id, wish)


def taken(dsn: str, before: list[tuple[str, str]], flow: int, *, fair: bool = True) -> list[str]:
    """What is taken in turn, while at each turn another two high ones are queued."""

    async def scenario() -> list[str]:
        names = []
        async with AsyncConnectionPool(dsn, min_size=1, max_size=2, open=False) as pool:
            turns = Turns(pool, EVERY) if fair else None
            async with Worker(dsn, turns) as worker, await connect(dsn) as conn:
                for job_id, priority in before:
                    await ask(conn, job_id, priority)
                for turn in range(flow):
                    for half in ("a", "b"):
                        await ask(conn, f"high-{turn}{half}", "high")
                    names.append(await worker.take() or "")
                while not flow and (name := await worker.take()):
                    names.append(name)
        return names

    return asyncio.run(scenario())


def test_the_high_overtake_the_default_and_those_the_low(prepared: str) -> None:
    before = [("l1", "low"), ("l2", "low"), ("d1", "default"), ("h1", "high"), ("h2", "high")]
    assert taken(prepared, before, 0) == ["h1", "h2", "d1", "l1", "l2"]


def test_the_low_have_their_turns_under_a_constant_flow_of_high_ones(prepared: str) -> None:
    before = [("l1", "low"), ("d1", "default"), ("l2", "low")]
    order = taken(prepared, before, 4 * EVERY)
    places = [order.index(name) for name, _ in before]
    assert places == [EVERY, 2 * EVERY, 3 * EVERY]


def test_an_old_backlog_of_low_ones_does_not_keep_the_high_waiting(prepared: str) -> None:
    order = taken(prepared, [(f"l{n}", "low") for n in range(3 * EVERY)], 3 * EVERY)
    assert sum(name.startswith("high") for name in order) == len(order) - 2


def test_without_turns_the_low_would_starve(prepared: str) -> None:
    order = taken(prepared, [("l1", "low")], 3 * EVERY, fair=False)
    assert "l1" not in order


def test_what_is_not_due_yet_is_not_promoted(prepared: str) -> None:
    async def scenario() -> list[int]:
        async with (
            AsyncConnectionPool(prepared, min_size=1, max_size=2, open=False) as pool,
            await connect(prepared) as conn,
        ):
            await ask(conn, "later", "low")
            await conn.execute(
                "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
            )
            await ask(conn, "due", "low")
            await Turns(pool, every=1).taken()
            rows = await conn.execute("SELECT priority FROM procrastinate_jobs ORDER BY id")
            return [row[0] async for row in rows]

    assert asyncio.run(scenario()) == [-100, FIRST]
