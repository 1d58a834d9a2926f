"""Analyses with their store and their queue: alone, together, and through trouble."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.errors import UntranslatableCharacter

from streams.decisions.decider import Refused
from streams.outliers.analyses import analysis as rules
from streams.outliers.analyses import commands
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.schema import prepare
from streams.outliers.analyses.state import Status
from streams.outliers.youtube.errors import QuotaExhaustedError, RefusedError, UnavailableError
from tests.integration.outliers.runs import ask, connected, events, run, state
from tests.unit.outliers.analyses.a_world import World
from tests.unit.outliers.analyses.stories import expected, request, verify


async def right(dsn: str, world: World, analysis_id: str, asked: AnalysisRequest) -> None:
    verify(await state(dsn, analysis_id), world, asked)


def test_twenty_at_once_share_nothing(database: str) -> None:
    prepare(database)
    world = World(delay=0.001)
    asked = {f"run-{number}": request(world, number) for number in range(20)}

    async def scenario() -> None:
        for analysis_id, one in asked.items():
            await ask(database, analysis_id, one)
            assert (await state(database, analysis_id)).status is Status.QUEUED
        await run(database, world, *asked)
        for analysis_id, one in asked.items():
            await right(database, world, analysis_id, one)
        assert len({str(expected(world, one)["games"]) for one in asked.values()}) > 1
        with pytest.raises(Refused, match="asked for before"):
            await ask(database, "run-0", asked["run-0"])

    asyncio.run(scenario())


def test_a_used_up_quota_pauses_and_the_run_goes_on_where_it_was(database: str) -> None:
    prepare(database)
    world, calm = World(), World()
    asked = request(world)

    async def scenario() -> None:
        await ask(database, "a", asked)
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
        world.troubles = [*[None] * 12, QuotaExhaustedError(100, 3, soon)]
        await run(database, world, "a")
        paused = await state(database, "a")
        assert paused.status is Status.PAUSED
        assert paused.error is not None
        assert "units" in paused.error
        await run(database, world, "a", ended=True)
        await right(database, world, "a", asked)
        story = await events(database, "a")
        kinds = [kind for kind, _ in story]
        assert (kinds.count("Paused"), kinds.count("Resumed")) == (1, 1)
        [told] = [body for kind, body in story if kind == "Paused"]
        assert dt.datetime.fromisoformat(told["resumes_at"]) == soon
        # Nothing that was recorded is asked for again: one call more than without the pause.
        await ask(database, "b", asked)
        await run(database, calm, "b")
        assert len(world.calls) == len(calm.calls) + 1

    asyncio.run(scenario())


def test_silence_is_waited_out_a_few_times_then_it_fails(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(database)
    monkeypatch.setattr(rules, "WAITS", (0.05, 0.05))

    async def scenario() -> None:
        world, dead = World(), World()
        dead.troubles = [UnavailableError("no answer")] * 9
        world.troubles = [UnavailableError("no answer")] * 2
        asked = request(world)
        await ask(database, "patient", asked)
        await run(database, world, "patient", ended=True)
        await right(database, world, "patient", asked)
        await ask(database, "hopeless", asked)
        await run(database, dead, "hopeless", ended=True)
        failed = await state(database, "hopeless")
        assert failed.status is Status.FAILED
        assert failed.error == "YouTube did not answer, 3 times over: no answer"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (RefusedError(400, "keyInvalid", "the key is not valid"), "YouTube refused: the key is"),
        (RefusedError(400, "keyInvalid", "no\0 \ud800good"), "YouTube refused: no   good"),
        (
            UntranslatableCharacter("\\u0000 cannot be converted"),
            "step 1: PostgreSQL takes no such",
        ),
        (KeyError("surprise"), "step 1 broke down: KeyError"),
    ],
)
def test_what_waiting_does_not_help_fails_at_once(
    database: str, trouble: Exception, said: str
) -> None:
    prepare(database)

    async def scenario() -> None:
        world = World()
        world.troubles = [trouble]
        await ask(database, "a", request(world))
        await run(database, world, "a")
        failed = await state(database, "a")
        assert failed.status is Status.FAILED
        assert failed.error is not None
        assert failed.error.startswith(said)

    asyncio.run(scenario())


def test_titles_that_no_text_may_have_are_told_as_far_as_they_can_be(database: str) -> None:
    prepare(database)

    async def scenario() -> None:
        world = World()
        for facts in world.facts.values():
            facts["title"] = "Odd \0 channel \ud83d"
        for video in world.by_video.values():
            video["title"] += " \udc00\0\x1b"
        asked = request(world)
        await ask(database, "a", asked)
        await run(database, world, "a")
        await right(database, world, "a", asked)
        found = await state(database, "a")
        assert found.channels
        assert {one.title for one in found.channels} == {"Odd   channel"}

    asyncio.run(scenario())


def test_a_run_that_is_called_off_stops_and_one_that_waits_never_begins(database: str) -> None:
    prepare(database)

    async def scenario() -> None:
        world = World(delay=0.3)
        await ask(database, "a", request(world))
        await ask(database, "b", request(world))

        async def call_off(conn: AsyncConnection[Any]) -> None:
            await commands.cancel(conn, "b", "no longer wanted")
            while not world.calls:
                await asyncio.sleep(0.01)
            await commands.cancel(conn, "a", "no longer wanted")
            with pytest.raises(Refused) as refused:
                await commands.cancel(conn, "a", "again")
            assert refused.value.code == "ended"
            with pytest.raises(commands.UnknownAnalysisError):
                await commands.cancel(conn, "c", "never was")

        await connected(database, lambda conn: _both(run(database, world, "a"), call_off(conn)))
        for one in ("a", "b"):
            assert (await state(database, one)).status is Status.CANCELLED
            assert (await events(database, one))[-1][0] == "Cancelled"
        assert len(await events(database, "b")) == 2
        # The worker hears of it within a second or two, or at its next record.
        assert len(world.calls) < 15

    asyncio.run(scenario())


async def _both(one: Any, other: Any) -> None:
    await asyncio.gather(other, one)
