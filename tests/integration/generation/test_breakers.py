"""Breakers on a real Redis: several processes, and Redis killed."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.embedded.redis import Redis as RedisServer
from infra.settings import Settings
from streams.generation.health import breakers as module
from streams.generation.health.breakers import Breakers, Rules, connection
from streams.generation.health.state import Kind, Outcome, ProviderHealth

RULES = Rules(cooldown=0.05, cooldown_most=0.4, probe_lease=60.0)
LONG = Rules(cooldown=60.0, cooldown_most=480.0)

Scenario = Callable[[Breakers], Awaitable[Any]]


def outcome(kind: Kind | None = None, **changes: Any) -> Outcome:
    facts = {
        "ok": kind is None,
        "kind": kind,
        "seconds": 2.0,
        "cost_usd": 0.5,
        "at": dt.datetime.now(dt.UTC),
        "reason": "" if kind is None else f"it {kind}",
    }
    return Outcome(**{**facts, **changes})


@pytest.fixture
def prefix(unique: Callable[[str], str]) -> str:
    return unique("breakers")


@pytest.fixture
def run(stack_settings: Settings, prefix: str) -> Callable[..., Any]:
    """Runs a scenario with breakers of its own on the shared server."""

    def run(scenario: Scenario, rules: Rules = RULES, **options: Any) -> Any:
        async def connected() -> Any:
            async with client(stack_settings.redis_url or "") as redis:
                return await scenario(Breakers(redis, ["p", "q"], rules, prefix=prefix, **options))

        return asyncio.run(connected())

    return run


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Any]:
    redis = connection(url)
    try:
        yield redis
    finally:
        await redis.aclose()


async def fail(breakers: Breakers, times: int, kind: Kind = "failed") -> ProviderHealth:
    for _ in range(times):
        await breakers.record("p", outcome(kind))
    return (await breakers.health())["p"]


async def allowed_in_time(breakers: Breakers) -> None:
    async with asyncio.timeout(60):
        while not await breakers.allowed("p"):
            await asyncio.sleep(0.01)


async def let_pass(breakers: Breakers, until: str) -> None:
    """Time goes by, as far as that moment of `p`: no test is faster than its machine."""
    await breakers._redis.hset(breakers._key("p"), until, 1)


def test_failures_in_a_row_degrade_then_open(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        unknown = (await breakers.health())["p"].status
        seen = [unknown] + [(await fail(breakers, 1)).status for _ in range(5)]
        assert seen == ["unknown", "healthy", "healthy", "degraded", "degraded", "unhealthy"]
        health = await breakers.health()
        assert health["p"].held
        assert health["p"].consecutive_failures == 5
        assert health["p"].reason == "it failed"
        assert health["p"].avg_response_ms is None
        assert health["p"].open_until is not None
        assert health["p"].last_checked_at is not None
        assert 30 <= (health["p"].open_until - health["p"].last_checked_at).total_seconds() <= 60
        assert not await breakers.allowed("p")
        assert health["q"].status == "unknown"
        assert await breakers.allowed("q")

    run(scenario, LONG)


def test_a_success_between_starts_the_count_again(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        await fail(breakers, 4)
        await breakers.record("p", outcome())
        health = await fail(breakers, 4)
        assert (health.status, health.consecutive_failures) == ("degraded", 4)

    run(scenario, LONG)


def test_no_connection_opens_sooner(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        assert not (await fail(breakers, 2, "unreachable")).held
        await fail(breakers, 1)  # a failure of another kind: there is a connection
        assert not (await fail(breakers, 1, "unreachable")).held
        await breakers.record("p", outcome())
        assert (await fail(breakers, 3, "unreachable")).held

    run(scenario, LONG)


def test_what_is_the_order_s_fault_is_no_failure(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        health = await fail(breakers, 20, "refused")
        assert (health.status, health.consecutive_failures) == ("healthy", 0)

    run(scenario)


def test_a_busy_provider_is_left_alone_for_as_long_as_it_asks(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        await breakers.record("p", outcome("busy", retry_after=30.0))
        first = (await breakers.health())["p"].busy_until
        await breakers.record("p", outcome("busy", retry_after=0.01))  # does not shorten it
        await breakers.record("p", outcome())  # nor does an answer to an earlier call
        health = (await breakers.health())["p"]
        assert (health.status, health.consecutive_failures) == ("healthy", 0)
        assert health.held
        assert health.busy_until == first
        assert first is not None
        assert health.as_of < first <= health.as_of + dt.timedelta(seconds=30)
        assert not await breakers.allowed("p")
        await let_pass(breakers, "busy_until")
        assert await breakers.allowed("p")
        assert not (await breakers.health())["p"].held

    run(scenario)


def test_a_provider_that_was_busy_for_a_moment_is_called_after_it(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        await breakers.record("p", outcome("busy", retry_after=0.05))
        await allowed_in_time(breakers)

    run(scenario)


def test_success_of_the_probe_recovers(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        await fail(breakers, 5)
        await allowed_in_time(breakers)
        assert not await breakers.allowed("p")
        await breakers.record("p", outcome())
        health = (await breakers.health())["p"]
        assert (health.status, health.consecutive_failures, health.held) == ("healthy", 0, False)
        assert all([await breakers.allowed("p") for _ in range(5)])

    run(scenario)


def test_each_failed_probe_doubles_the_cool_down_up_to_its_most(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> list[float]:
        waits = []
        await fail(breakers, 4)
        for _ in range(5):
            health = await fail(breakers, 1)
            assert health.open_until is not None
            assert health.last_checked_at is not None
            waits.append((health.open_until - health.last_checked_at).total_seconds())
            late = await fail(breakers, 1)  # of a call that began before: lengthens nothing
            assert late.open_until == health.open_until
            await let_pass(breakers, "open_until")
            assert await breakers.allowed("p")
        return waits

    for wait, longest in zip(run(scenario, LONG), [60, 120, 240, 480, 480], strict=True):
        assert longest / 2 <= wait <= longest


def test_a_probe_that_nobody_tells_of_lets_another_one_through(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        await fail(breakers, 5)
        await allowed_in_time(breakers)
        assert not await breakers.allowed("p")
        lease = int(await breakers._redis.hget(breakers._key("p"), "probe_until"))
        seconds, micros = await breakers._redis.time()
        assert 0 < lease - (seconds * 1_000_000 + micros) <= 60 * 1_000_000
        await let_pass(breakers, "probe_until")
        assert await breakers.allowed("p")
        assert not await breakers.allowed("p")

    run(scenario)


def test_averages_are_of_work_not_of_looks_and_failures(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        for one in (
            outcome(seconds=2.0, cost_usd=1.0),
            outcome("failed", seconds=50.0),
            outcome(seconds=0.1, cost_usd=0.0, probe=True),
            outcome(seconds=4.0, cost_usd=0.0),
        ):
            await breakers.record("p", one)
        health = (await breakers.health())["p"]
        assert health.avg_response_ms == pytest.approx(2400.0)
        assert health.cost_per_request == pytest.approx(0.8)

    run(scenario)


def test_changes_of_status_are_announced_and_nothing_else(run: Callable[..., Any]) -> None:
    told: list[tuple[str, str]] = []

    async def announce(provider: str, health: ProviderHealth) -> None:
        told.append((provider, health.status))

    async def scenario(breakers: Breakers) -> None:
        await fail(breakers, 7)
        for _ in range(3):
            await breakers.record("p", outcome())

    run(scenario, LONG, announce=announce)
    assert told == [("p", status) for status in ("healthy", "degraded", "unhealthy", "healthy")]


def test_one_probe_gets_through_of_all_processes(
    run: Callable[..., Any], stack_settings: Settings, prefix: str
) -> None:
    command = [sys.executable, "-m", "tests.integration.generation.a_caller"]
    arguments = [stack_settings.redis_url or "", prefix, "50"]
    callers = [
        subprocess.Popen([*command, *arguments], stdin=-1, stdout=-1, text=True) for _ in range(2)
    ]
    try:
        for caller in callers:
            assert caller.stdout is not None
            assert caller.stdout.readline() == "ready\n"

        async def scenario(breakers: Breakers) -> None:
            await fail(breakers, 5)
            await asyncio.sleep(RULES.cooldown)

        run(scenario)
        for caller in callers:
            assert caller.stdin is not None
            caller.stdin.write("go\n")
            caller.stdin.flush()
        answers = [int(caller.communicate(timeout=120)[0]) for caller in callers]
        assert sorted(answers) == [0, 1]
    finally:
        for caller in callers:
            caller.kill()
            caller.wait()


def test_without_redis_work_goes_on_and_one_line_says_so(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.0)

    async def scenario() -> None:
        async with client(redis_server.address) as redis:
            breakers = Breakers(redis, ["p"], LONG)
            await fail(breakers, 5)
            assert not await breakers.allowed("p")
            assert redis_server.pid is not None
            os.kill(redis_server.pid, signal.SIGKILL)
            redis_server.stop()
            with capture_logs() as lines:
                for _ in range(5):
                    assert await breakers.allowed("p")
                    await breakers.record("p", outcome("failed"))
                assert (await breakers.health())["p"].status == "unknown"
                assert not await breakers.turn("look", 60.0)
            assert [line["log_level"] for line in lines] == ["warning"]
            await asyncio.to_thread(redis_server.start)
            with capture_logs() as lines:
                await breakers.record("p", outcome())
                await fail(breakers, 5)
            assert "Redis answers again" in lines[0]["event"]
            assert not await breakers.allowed("p")

    asyncio.run(scenario())


def test_one_of_all_has_the_turn(run: Callable[..., Any]) -> None:
    async def scenario(breakers: Breakers) -> None:
        assert [await breakers.turn("look", 60.0) for _ in range(3)] == [True, False, False]
        assert await breakers.turn("another", 0.05)
        await asyncio.sleep(0.1)
        assert await breakers.turn("another", 0.05)

    run(scenario)
