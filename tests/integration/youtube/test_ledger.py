"""The ledger of units on a real Redis: by several processes, around midnight, and killed."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.guard import Guard
from infra.embedded.home import Home
from infra.embedded.redis import Redis as RedisServer
from infra.settings import Settings
from streams.outliers.youtube.connection import connection
from streams.outliers.youtube.errors import QuotaExhaustedError, UnavailableError
from streams.outliers.youtube.pacific import next_midnight
from streams.outliers.youtube.quota import ANALYSES, POLLER, Ledger, counted

NOON = dt.datetime(2026, 7, 14, 19, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 7, 15, 7, tzinfo=dt.UTC)


class Clock:
    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now


Scenario = Callable[[Ledger, Clock], Coroutine[Any, Any, Any]]


@pytest.fixture
def run(stack_settings: Settings, unique: Callable[[str], str]) -> Callable[..., Any]:
    def run(scenario: Scenario, per_day: int = 1000, now: dt.datetime = NOON) -> Any:
        async def connected() -> Any:
            redis = connection(stack_settings.redis_url or "")
            clock = Clock(now)
            ledger = Ledger(
                redis, account=unique("account"), per_day=per_day, shares={POLLER: 0.6}, clock=clock
            )
            try:
                return await scenario(ledger, clock)
            finally:
                await redis.aclose()

        return asyncio.run(connected())

    return run


async def refused(ledger: Ledger, units: int, purpose: str = ANALYSES) -> QuotaExhaustedError:
    with pytest.raises(QuotaExhaustedError) as error:
        await ledger.reserve(units, purpose)
    return error.value


def test_a_reservation_that_does_not_fit_is_refused_and_not_entered(
    run: Callable[..., Any],
) -> None:
    async def scenario(ledger: Ledger, clock: Clock) -> None:
        for _ in range(9):
            await ledger.reserve(100, ANALYSES)
        await ledger.reserve(99, ANALYSES)
        error = await refused(ledger, 100)
        assert (error.needed, error.left, error.resets_at) == (100, 1, MIDNIGHT)
        assert "2026-07-15 07:00 UTC" in str(error)
        await ledger.reserve(1, ANALYSES)
        state = await ledger.state()
        assert (dict(state.spent), dict(state.left)) == (
            {ANALYSES: 1000, POLLER: 0},
            {ANALYSES: 0, POLLER: 0},
        )
        assert (state.per_day, state.exhausted, state.resets_at) == (1000, False, MIDNIGHT)

    run(scenario)


def test_the_poller_has_a_share_and_analyses_have_the_rest(run: Callable[..., Any]) -> None:
    async def scenario(ledger: Ledger, clock: Clock) -> None:
        await ledger.reserve(600, POLLER)
        assert (await refused(ledger, 1, POLLER)).left == 0
        assert (await ledger.state()).left == {ANALYSES: 400, POLLER: 0}
        await ledger.reserve(400, ANALYSES)
        await refused(ledger, 1)

    async def analyses_first(ledger: Ledger, clock: Clock) -> None:
        await ledger.reserve(700, ANALYSES)
        assert (await refused(ledger, 301, POLLER)).left == 300
        await ledger.reserve(300, POLLER)

    run(scenario)
    run(analyses_first)


def test_what_is_given_back_can_be_spent(run: Callable[..., Any]) -> None:
    async def scenario(ledger: Ledger, clock: Clock) -> None:
        with counted() as units:
            one = await ledger.reserve(600, POLLER)
            await ledger.reserve(100, ANALYSES)
            await ledger.give_back(one)
        assert units.spent == 100
        assert (await ledger.state()).spent == {ANALYSES: 100, POLLER: 0}
        await ledger.reserve(600, POLLER)

    run(scenario)


def test_a_script_that_is_sent_again_counts_once(run: Callable[..., Any]) -> None:
    """The connection may break after Redis ran it and before its answer came."""

    async def scenario(ledger: Ledger, clock: Clock) -> None:
        def twice(script: Any) -> Callable[..., Any]:
            async def sent_again(**arguments: Any) -> Any:
                first = await script(**arguments)
                again = await script(**arguments)
                assert script is not ledger_reserve or first == again
                return again

            return sent_again

        ledger_reserve = ledger._reserve
        ledger._reserve, ledger._give_back = twice(ledger._reserve), twice(ledger._give_back)  # type: ignore[assignment]
        one = await ledger.reserve(100, ANALYSES)
        await ledger.reserve(7, ANALYSES)
        await ledger.reserve(200, ANALYSES)
        assert (await ledger.state()).spent[ANALYSES] == 307
        await ledger.give_back(one)
        assert (await ledger.state()).spent[ANALYSES] == 207

    run(scenario)


def test_two_runs_count_each_their_own(run: Callable[..., Any]) -> None:
    async def scenario(ledger: Ledger, clock: Clock) -> None:
        async def one(calls: int) -> int:
            with counted() as units:
                await asyncio.gather(*(ledger.reserve(1, ANALYSES) for _ in range(calls)))
                return units.spent

        assert await asyncio.gather(one(3), one(40), one(0)) == [3, 40, 0]

    run(scenario)


def test_at_midnight_in_los_angeles_there_are_units_again(run: Callable[..., Any]) -> None:
    async def scenario(ledger: Ledger, clock: Clock) -> None:
        await ledger.reserve(1000, ANALYSES)
        clock.now = MIDNIGHT - dt.timedelta(seconds=1)
        await refused(ledger, 1)
        clock.now = MIDNIGHT
        await ledger.reserve(1000, ANALYSES)

    run(scenario)


def test_a_call_just_before_midnight_counts_on_both_days(run: Callable[..., Any]) -> None:
    """It may arrive after it."""

    async def scenario(ledger: Ledger, clock: Clock) -> None:
        clock.now = MIDNIGHT - dt.timedelta(seconds=30)
        await ledger.reserve(100, ANALYSES)
        other = await ledger.reserve(50, ANALYSES)
        await ledger.give_back(other)
        assert (await ledger.state()).spent[ANALYSES] == 100
        clock.now = MIDNIGHT + dt.timedelta(seconds=30)
        assert (await ledger.state()).spent[ANALYSES] == 100
        assert (await refused(ledger, 901)).left == 900

    run(scenario)


def test_the_apis_word_holds_until_midnight_but_early_in_a_day_for_minutes(
    run: Callable[..., Any],
) -> None:
    async def scenario(ledger: Ledger, clock: Clock) -> None:
        assert await ledger.exhaust() == MIDNIGHT
        assert (await refused(ledger, 1)).resets_at == MIDNIGHT
        assert (await ledger.state()).exhausted
        clock.now = MIDNIGHT + dt.timedelta(seconds=5)
        await ledger.reserve(1, ANALYSES)
        soon = await ledger.exhaust()
        assert soon == clock.now + dt.timedelta(minutes=10)
        assert (await refused(ledger, 1)).resets_at == soon
        assert (await ledger.state()).resets_at == soon
        clock.now = soon
        await ledger.reserve(1, ANALYSES)
        assert (await ledger.state()).resets_at == next_midnight(soon)

    run(scenario)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of one's own, to be killed."""
    home = Home(tmp_path / "home")
    home.prepare()
    guard = Guard()
    one = RedisServer(home, guard)
    one.start()
    yield one
    one.stop()
    guard.close()


def test_a_redis_that_is_killed_forgets_no_unit_and_lets_nobody_spend_meanwhile(
    redis_server: RedisServer,
) -> None:
    async def scenario() -> None:
        redis = connection(redis_server.address)
        ledger = Ledger(redis, account="one", per_day=1000)
        for _ in range(9):
            await ledger.reserve(100, ANALYSES)
        assert redis_server.pid is not None
        os.kill(redis_server.pid, signal.SIGKILL)
        redis_server.stop()
        with pytest.raises(UnavailableError, match="Redis does not answer"):
            await ledger.reserve(100, ANALYSES)
        await asyncio.to_thread(redis_server.start)
        await ledger.reserve(100, ANALYSES)
        assert (await refused(ledger, 1)).left == 0
        await redis.aclose()

    asyncio.run(scenario())


def spender(url: str, account: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.youtube.a_spender", url, account]
        + [str(one) for one in arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_reserve_at_once_spend_the_last_unit_and_no_more(
    stack_settings: Settings, unique: Callable[[str], str]
) -> None:
    url, account = stack_settings.redis_url or "", unique("account")
    # Two pollers together may have 600 of the 1,000, in sevens; two analyses all, in threes.
    asked = [(POLLER, 7, 100), (POLLER, 7, 100), (ANALYSES, 3, 200), (ANALYSES, 3, 200)]
    processes = [
        spender(url, account, 1000, purpose, units, count) for purpose, units, count in asked
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    granted = [process.communicate("\n")[0] for process in processes]
    spent = {POLLER: 0, ANALYSES: 0}
    for (purpose, units, _), number in zip(asked, granted, strict=True):
        spent[purpose] += units * int(number)
    assert spent[POLLER] <= 600
    assert 1000 - 3 < spent[POLLER] + spent[ANALYSES] <= 1000

    async def state() -> dict[str, int]:
        redis = connection(url)
        try:
            ledger = Ledger(redis, account=account, per_day=1000, shares={POLLER: 0.6})
            return dict((await ledger.state()).spent)
        finally:
            await redis.aclose()

    assert asyncio.run(state()) == spent


def test_a_process_killed_after_it_reserved_has_spent(
    stack_settings: Settings, unique: Callable[[str], str]
) -> None:
    """Its call may have reached the API: the units stay entered."""
    url, account = stack_settings.redis_url or "", unique("account")
    process = spender(url, account, 1000, ANALYSES, 100, 5)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "5\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    rest = spender(url, account, 1000, ANALYSES, 100, 20)
    assert rest.communicate("\n")[0] == "ready\n5\n"
