"""Analyses over a world of the tests' own: right results, alone, together, and through trouble."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from psycopg import AsyncConnection

from streams.decisions.decider import Refused
from streams.outliers.analyses import commands
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.schema import prepare
from streams.outliers.analyses.state import Status
from streams.outliers.content.shapes import Content, GamePattern
from streams.outliers.youtube.errors import QuotaExhaustedError, RefusedError, UnavailableError
from tests.integration.outliers.runs import (
    connected,
    events,
    queries,
    results,
    run,
    state,
    summary,
)
from tests.unit.outliers.analyses.a_world import GAMES, NOW, QUERIES, World, WorldFacts
from tests.unit.outliers.analyses.independent_analysis import analysis

PATTERNS = tuple(GamePattern(name=name, phrases=tuple(said)) for name, said in GAMES.items())
CONTENT = queries(*QUERIES, game_patterns=PATTERNS)
TOMORROW = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


def request(world: World, number: int = 0, *, competitors: int = 2) -> AnalysisRequest:
    """One of many different requests."""
    names = list(world.facts)[number : number + competitors]
    return AnalysisRequest(
        exclusion_channels=(*names, "nobody at all") if competitors else (),
        min_subs=1_000 + 500 * number,
        max_subs=200_000,
        time_window=3 + number,
        outlier_threshold=10 + 2 * number,
    )


def expected(world: World, asked: AnalysisRequest) -> dict[str, Any]:
    return analysis(
        WorldFacts(world),
        now=NOW,
        competitors=[one for one in asked.exclusion_channels if one in world.facts],
        queries=list(QUERIES),
        games=GAMES,
        min_subs=asked.min_subs,
        max_subs=asked.max_subs,
        window=asked.time_window,
        threshold=asked.outlier_threshold,
    )


async def start(dsn: str, asked: dict[str, AnalysisRequest], content: Content = CONTENT) -> None:
    async def all_of_them(conn: AsyncConnection[Any]) -> None:
        from streams.outliers.content import content as store

        await store.change(conn, content, changed_by="test")
        for analysis_id, one in asked.items():
            await commands.start(conn, analysis_id=analysis_id, user_id="ada", request=one, at=NOW)

    await connected(dsn, all_of_them)


async def verify(dsn: str, world: World, analysis_id: str, asked: AnalysisRequest) -> None:
    """Every score, fit and place of the results is that of the naive recomputation."""
    found, right = await state(dsn, analysis_id), expected(world, asked)
    got = [(one["video_id"], one["score"], one["brand_fit"]) for one in results(found)]
    assert got == right["results"]
    told = summary(found)
    assert told["exclusion_games"] == right["games"]
    assert told["channels_analyzed"] == right["scored"]
    assert told["outliers_found"] == right["found"]
    assert told["total_outliers"] == len(got)


def test_results_and_story_of_a_run(database: str) -> None:
    prepare(database)
    world = World()
    asked = request(world)

    async def scenario() -> None:
        await start(database, {"a": asked})
        assert (await state(database, "a")).status is Status.QUEUED
        await run(database, world, "a")
        await verify(database, world, "a", asked)
        assert expected(world, asked)["results"], "a test that finds nothing tells nothing"
        story = await events(database, "a")
        steps = [body["step"] for kind, body in story if kind == "StepStarted"]
        assert steps == [1, 2, 3, 4, 5]
        progress = [body["progress"] for _, body in story if "progress" in body]
        assert progress == sorted(progress)
        assert (await state(database, "a")).progress == 100
        said = [body["skipped"] for kind, body in story if kind == "ChannelAnalyzed"]
        skips = " | ".join({one for one in said if one})
        assert "hides how many subscribe" in skips
        assert "recent videos; 3 are needed" in skips
        assert "excluded categories" in skips
        [built] = [body for kind, body in story if kind == "ExclusionBuilt"]
        assert built["unresolved"] == ["nobody at all"]
        with pytest.raises(Refused, match="asked for before"):
            await start(database, {"a": asked})

    asyncio.run(scenario())


def test_twenty_at_once_share_nothing(database: str) -> None:
    prepare(database)
    world = World(delay=0.001)
    asked = {f"run-{number}": request(world, number) for number in range(20)}

    async def scenario() -> None:
        await start(database, asked)
        await run(database, world, *asked)
        for analysis_id, one in asked.items():
            await verify(database, world, analysis_id, one)
        different = {str(expected(world, one)["games"]) for one in asked.values()}
        assert len(different) > 1

    asyncio.run(scenario())


def test_without_competitors_nothing_is_excluded(database: str) -> None:
    prepare(database)
    world = World()
    asked = request(world, competitors=0)

    async def scenario() -> None:
        await start(database, {"a": asked})
        await run(database, world, "a")
        await verify(database, world, "a", asked)
        assert summary(await state(database, "a"))["exclusion_games"] == []

    asyncio.run(scenario())


def test_a_search_that_finds_nothing_ends_well(database: str) -> None:
    prepare(database)

    async def scenario() -> None:
        world = World()
        await start(database, {"a": request(world)}, queries("nobody makes that"))
        await run(database, world, "a")
        found = await state(database, "a")
        assert found.status is Status.COMPLETED
        assert results(found) == []

    asyncio.run(scenario())


def test_a_used_up_quota_pauses_and_the_run_goes_on_where_it_was(database: str) -> None:
    prepare(database)
    world = World()
    asked = request(world)

    async def scenario() -> None:
        await start(database, {"a": asked})
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
        calm: list[Any] = [None] * 12  # calls
        world.troubles = [*calm, QuotaExhaustedError(100, 3, soon)]
        world._called = _patient(world)  # type: ignore[method-assign]
        await run(database, world, "a")
        paused = await state(database, "a")
        assert paused.status is Status.PAUSED
        asked_before = len(world.calls)
        while (await state(database, "a")).status is not Status.COMPLETED:
            await run_once(database, world)
        await verify(database, world, "a", asked)
        story = [kind for kind, _ in await events(database, "a")]
        assert (story.count("Paused"), story.count("Resumed")) == (1, 1)
        # Nothing that was recorded is asked for again: one call more than without the pause.
        calm_world = World()
        await start(database, {"b": asked})
        await run(database, calm_world, "b")
        assert len(world.calls) == len(calm_world.calls) + 1
        assert asked_before < len(world.calls)

    asyncio.run(scenario())


def test_silence_is_waited_out_a_few_times_then_it_fails(database: str) -> None:
    prepare(database)

    async def scenario() -> None:
        from streams.outliers.analyses import analysis as rules

        waits, rules.WAITS = rules.WAITS, (0.05, 0.05)
        try:
            world = World()
            asked = request(world)
            world.troubles = [UnavailableError("no answer")] * 2
            await start(database, {"patient": asked})
            while not (await state(database, "patient")).status.ended:
                await run_once(database, world)
            await verify(database, world, "patient", asked)
            world.troubles = [UnavailableError("no answer")] * 9
            await start(database, {"hopeless": asked})
            while not (await state(database, "hopeless")).status.ended:
                await run_once(database, world)
            failed = await state(database, "hopeless")
            assert failed.status is Status.FAILED
            assert failed.error == "YouTube did not answer, 3 times over: no answer"
        finally:
            rules.WAITS = waits

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (RefusedError(400, "keyInvalid", "the key is not valid"), "YouTube refused: the key is"),
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
        await start(database, {"a": request(world)})
        await run(database, world, "a")
        failed = await state(database, "a")
        assert failed.status is Status.FAILED
        assert failed.error is not None
        assert failed.error.startswith(said)

    asyncio.run(scenario())


def test_a_run_that_is_called_off_stops_and_one_that_waits_never_begins(database: str) -> None:
    prepare(database)

    async def scenario() -> None:
        world = World(delay=0.2)
        await start(database, {"a": request(world), "b": request(world)})

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

        await asyncio.gather(run(database, world, "a", "b"), connected(database, call_off))
        for one in ("a", "b"):
            assert (await state(database, one)).status is Status.CANCELLED
            assert (await events(database, one))[-1][0] == "Cancelled"
        assert [kind for kind, _ in await events(database, "b")] == [
            "AnalysisRequested",
            "Cancelled",
        ]
        assert len(world.calls) <= 3

    asyncio.run(scenario())


def _patient(world: World) -> Any:
    """Like a world's own, but a None among the troubles is a call that goes well."""

    async def called(what: str) -> None:
        world.calls.append(what)
        trouble = world.troubles.pop(0) if world.troubles else None
        if trouble is not None:
            raise trouble

    return called


async def run_once(dsn: str, world: World) -> None:
    """A worker, for as long as a short wait takes."""
    from streams.outliers.analyses.worker import work
    from tests.integration.outliers.runs import PULSE

    working = asyncio.create_task(work(dsn, world, pulse=PULSE))
    await asyncio.sleep(1.2)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
