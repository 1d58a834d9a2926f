"""Quotas are kept to the job, by any number of dispatchers."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import GENERATION_REQUESTS
from schemas.chunks import Chunk
from streams.decisions.decider import Refused
from streams.generation.dispatch.dispatch import Dispatcher
from streams.generation.health.state import ProviderHealth
from streams.generation.jobs import commands
from streams.generation.jobs.events import ProviderChosen
from streams.generation.jobs.job_commands import FailAttempt, StartAttempt
from streams.generation.providers.provider import Abilities
from streams.generation.quotas import ledger
from streams.generation.quotas.limits import Quotas, Usage
from streams.generation.routing.assigning import Assigner
from streams.generation.routing.router import HealthRouter
from tests.integration.generation.stories import connect, story, types
from tests.integration.generation.test_dispatch import (
    Outbox,
    a_chunk,
    queue_entries,
    request_bytes,
)

FIVE_A_DAY = Quotas(jobs_per_day=5)


class Offering:
    """A provider at 2 US dollars a second."""

    model = "dear"
    abilities = Abilities(seeded=True, usd_per_second=2.0)


class Well:
    """Breakers that never open."""

    async def health(self) -> dict[str, ProviderHealth]:
        return {}


def dispatch(
    dsn: str, assigner: Assigner, *parts: list[bytes], at_once: bool = False, first: int = 0
) -> None:
    """Dispatch lists of requests, each from a partition of its own, by a dispatcher of its own."""

    async def one(partition: int, values: list[bytes]) -> None:
        chunk = a_chunk(GENERATION_REQUESTS, [*values], first=first)
        chunk = Chunk(chunk.topic, partition, *(getattr(chunk, name) for name in _REST))
        async with AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False) as pool:
            await Dispatcher(pool, Outbox(), assigner).handle(chunk)

    async def scenario() -> None:
        works = [one(partition, values) for partition, values in enumerate(parts)]
        if at_once:
            await asyncio.gather(*works)
        else:
            for work in works:
                await work

    asyncio.run(scenario())


_REST = ("offsets", "timestamps", "keys", "values", "headers")


def usage(dsn: str, user: str = "ada") -> Usage:
    async def scenario() -> Usage:
        async with await connect(dsn) as conn:
            return (await ledger.used(conn, [user], dt.datetime.now(dt.UTC))).get(user, Usage())

    return asyncio.run(scenario())


def queued_jobs(dsn: str) -> list[str]:
    return [entry[0] for entry in queue_entries(dsn)]


def error_of(dsn: str, job_id: str) -> str:
    return str(asyncio.run(story(dsn, job_id))[-1].body["error"])


def test_what_exceeds_the_quota_fails_at_once_and_says_until_when(prepared: str) -> None:
    values = [request_bytes(f"j{n}") for n in range(7)]
    other = request_bytes("other", user_id="bo")
    dispatch(prepared, Assigner(quotas=FIVE_A_DAY), [*values, other])
    assert queued_jobs(prepared) == [*(f"j{n}" for n in range(5)), "other"]
    assert asyncio.run(types(prepared, "j5")) == ["JobQueued", "Failed"]
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert error_of(prepared, "j6") == (
        "the quota of jobs in a day is used up (5 of 5); the next day begins at "
        f"{tomorrow:%Y-%m-%d}T00:00Z"
    )
    assert usage(prepared) == Usage(5, 5, 0.0, 0.0)


def test_dispatchers_at_once_do_not_exceed_it_together(prepared: str) -> None:
    users = ["ada", "bo", "cy"]
    parts = [
        [
            request_bytes(f"{part}-{n}-{user}", user_id=user)
            for n in range(4)
            for user in (users if part % 2 else reversed(users))
        ]
        for part in range(4)
    ]
    dispatch(prepared, Assigner(quotas=FIVE_A_DAY), *parts, at_once=True)
    for user in users:
        assert sum(name.endswith(user) for name in queued_jobs(prepared)) == 5
        assert usage(prepared, user).jobs_day == 5


def test_a_repeated_request_counts_once(prepared: str) -> None:
    assigner = Assigner(quotas=FIVE_A_DAY)
    twice = [request_bytes("a"), request_bytes("a")]
    dispatch(prepared, assigner, twice)
    dispatch(prepared, assigner, twice, first=100)
    dispatch(prepared, assigner, [request_bytes(f"j{n}") for n in range(9)], first=200)
    assert queued_jobs(prepared) == ["a", "j0", "j1", "j2", "j3"]


def test_days_before_count_for_the_month_only(prepared: str) -> None:
    assigner = Assigner(quotas=Quotas(jobs_per_day=2, jobs_per_month=3))
    dispatch(prepared, assigner, [request_bytes("a"), request_bytes("b")])
    with psycopg.connect(prepared) as conn:
        first = dt.datetime.now(dt.UTC).date().replace(day=1)
        today = dt.datetime.now(dt.UTC).date()
        earlier = first if first < today else today
        conn.execute("UPDATE generation_usage SET day = %s", (earlier,))
    if earlier == today:
        pytest.skip("the month has begun today: there is no day before in it")
    dispatch(prepared, assigner, [request_bytes("c"), request_bytes("d")], first=10)
    assert queued_jobs(prepared) == ["a", "b", "c"]
    assert "the quota of jobs in a month is used up (3 of 3)" in error_of(prepared, "d")


def test_teasers_of_the_policy_are_nobodys_quota(prepared: str) -> None:
    values = [request_bytes(f"t{n}", requested_by="policy") for n in range(7)]
    dispatch(prepared, Assigner(quotas=FIVE_A_DAY), values)
    assert len(queued_jobs(prepared)) == 7
    assert usage(prepared) == Usage()


def test_a_sum_of_money_is_not_exceeded_either(prepared: str) -> None:
    router = HealthRouter({"far": Offering()}, Well())  # type: ignore[arg-type]
    assigner = Assigner(router, Quotas(usd_per_day=2.5))
    dispatch(prepared, assigner, [request_bytes(f"j{n}") for n in range(3)])  # 0.5 s each
    assert queued_jobs(prepared) == ["j0", "j1"]
    assert usage(prepared).usd_day == 2.0
    assert error_of(prepared, "j2").startswith(
        "no provider can make it: far costs 1.00 USD, and 0.50 USD are left; there will be more at"
    )
    events = asyncio.run(story(prepared, "j0"))
    assert [event.type for event in events] == ["JobQueued", "ProviderChosen"]
    assert events[1].body["reason"] == "the only one that is able"


NOW = dt.datetime.now(dt.UTC)
START = StartAttempt(NOW, "far", "dear", "t", "w")


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        (["cancel"], 0),
        ([START, "cancel"], 1),
        ([START, FailAttempt(NOW, "t", "no", False, 1)], 0),
        ([START, FailAttempt(NOW, "t", "no", True, 1)], 1),
    ],
)
def test_what_a_job_gives_back(prepared: str, steps: list[Any], left: int) -> None:
    dispatch(prepared, Assigner(quotas=FIVE_A_DAY), [request_bytes("a")])

    async def scenario() -> None:
        async with await connect(prepared) as conn:
            for step in steps:
                if step == "cancel":
                    await commands.cancel(conn, "a", "no more")
                else:
                    await commands.decide(conn, "a", step)

    asyncio.run(scenario())
    assert usage(prepared).jobs_day == left


def test_another_provider_has_another_price(prepared: str) -> None:
    dispatch(prepared, Assigner(quotas=FIVE_A_DAY), [request_bytes("a")])

    async def scenario() -> None:
        choice = ProviderChosen("far", "dear", 1.25, "instead of local")
        async with await connect(prepared) as conn:
            await commands.decide(conn, "a", StartAttempt(NOW, "far", "dear", "t", "w", choice))

    asyncio.run(scenario())
    assert usage(prepared) == Usage(1, 1, 1.25, 1.25)


def test_a_job_asked_for_again_counts_again(prepared: str) -> None:
    one_a_day = Quotas(jobs_per_day=1)
    dispatch(prepared, Assigner(quotas=one_a_day), [request_bytes("a")])

    async def scenario() -> None:
        async with await connect(prepared) as conn:
            await commands.cancel(conn, "a", "no")
            again = await commands.retry(conn, "a", one_a_day)
            assert await commands.retry(conn, "a", one_a_day) == again
            await commands.cancel(conn, again, "no")
            third = await commands.retry(conn, again, one_a_day)
            await commands.decide(conn, third, START)
            await commands.cancel(conn, third, "no")
            with pytest.raises(Refused, match="used up") as refused:
                await commands.retry(conn, third, one_a_day)
            assert refused.value.code == "quota"

    asyncio.run(scenario())
    assert usage(prepared).jobs_day == 1


def test_a_video_asked_for_again_is_asked_of_the_same_provider(prepared: str) -> None:
    router = HealthRouter({"far": Offering()}, Well())  # type: ignore[arg-type]
    dispatch(prepared, Assigner(router), [request_bytes("a", seed=None)])

    async def scenario() -> None:
        async with await connect(prepared) as conn:
            await commands.cancel(conn, "a", "no")
            again = await commands.retry(conn, "a")
        asked = (await story(prepared, again))[0].body
        assert asked["provider"] == "far"
        assert asked["seed"] is not None

    asyncio.run(scenario())


def test_earlier_months_are_forgotten(prepared: str) -> None:
    dispatch(prepared, Assigner(quotas=FIVE_A_DAY), [request_bytes("a"), request_bytes("b")])

    async def scenario() -> None:
        async with await connect(prepared) as conn:
            await conn.execute("UPDATE generation_usage SET day = day - 40 WHERE job_id = 'a'")
            await ledger.forget(conn, dt.datetime.now(dt.UTC))
            rows = await conn.execute("SELECT job_id FROM generation_usage")
            assert await rows.fetchall() == [("b",)]

    asyncio.run(scenario())
