"""Providers are looked after: by one of all workers, with real questions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from infra.settings import Settings
from streams.generation.health.breakers import Breakers, Rules, connection
from streams.generation.health.probing import probe
from streams.generation.health.state import ProviderHealth
from streams.generation.health.watch import HealthWatch
from streams.generation.jobs.job import Job, Status
from streams.generation.providers.provider import Abilities, ProviderError
from streams.generation.routing.router import SHORTEST_WAIT, HealthRouter
from tests.integration.generation.test_breakers import LONG, fail, let_pass, outcome
from tests.unit.generation.requests import queued

Told = list[tuple[str, str]]


class Asked:
    """A provider that answers looks as told."""

    model = "m"

    def __init__(self, name: str, answer: Exception | None = None, usd: float = 0.0) -> None:
        self.name = name
        self.answer = answer
        self.abilities = Abilities(seeded=True, usd_per_second=usd)
        self.looks = 0

    async def probe(self) -> None:
        self.looks += 1
        if self.answer is not None:
            raise self.answer

    async def generate(self, *_: Any) -> Any:
        raise NotImplementedError


class House:
    """Providers `p` and `q`, their breakers, and what is told of them."""

    def __init__(self, settings: Settings, prefix: str, rules: Rules, every: float) -> None:
        self.redis = connection(settings.redis_url or "")
        self.providers = {"p": Asked("p"), "q": Asked("q", usd=1.0)}
        self.told: Told = []
        self.breakers = Breakers(
            self.redis, self.providers, rules, announce=self._hear, prefix=prefix
        )
        self.watches = [
            HealthWatch(self.breakers, self.providers, self._hear, every=every) for _ in range(3)
        ]
        self.router = HealthRouter(self.providers, self.breakers)

    async def _hear(self, provider: str, health: ProviderHealth) -> None:
        self.told.append((provider, health.status))

    async def time_passes(self) -> None:
        """As long as it takes until it is somebody's turn again."""
        for key in [key async for key in self.redis.scan_iter(f"{self.breakers._prefix}:turn:*")]:
            await self.redis.delete(key)

    async def look(self) -> None:
        await asyncio.gather(*(watch.look() for watch in self.watches))


@pytest.fixture
def run(stack_settings: Settings, unique: Callable[[str], str]) -> Callable[..., None]:
    def run(scenario: Callable[[House], Any], rules: Rules = LONG, every: float = 60.0) -> None:
        async def housed() -> None:
            house = House(stack_settings, unique("watch"), rules, every)
            try:
                await scenario(house)
            finally:
                await house.redis.aclose()

        asyncio.run(housed())

    return run


def test_an_unknown_provider_is_looked_at_once_and_told_of(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        for _ in range(3):
            await house.look()
        assert [provider.looks for provider in house.providers.values()] == [1, 1]
        changes, heartbeat = house.told[:2], house.told[2:]
        assert sorted(changes) == sorted(heartbeat) == [("p", "healthy"), ("q", "healthy")]

    run(scenario)


def test_an_open_breaker_is_left_alone_until_its_time_then_probed(
    run: Callable[..., None],
) -> None:
    async def scenario(house: House) -> None:
        await fail(house.breakers, 5)
        await house.look()
        await house.time_passes()
        await house.look()
        assert house.providers["p"].looks == 0
        await let_pass(house.breakers, "open_until")
        await house.time_passes()
        await house.look()
        assert house.providers["p"].looks == 1
        assert house.providers["q"].looks == 1  # it is well, and was looked at a moment ago
        assert (await house.breakers.health())["p"].status == "healthy"

    run(scenario)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ProviderError("no route", retryable=True, kind="unreachable"), "unreachable"),
        (ProviderError("wrong key", retryable=False), "failed"),
        (ProviderError("full", retryable=True, kind="busy", retry_after=9.0), "busy"),
        (ValueError("a mistake in the adapter"), "failed"),
    ],
)
def test_whatever_a_look_meets_is_an_outcome(error: Exception, kind: str) -> None:
    found = asyncio.run(probe(Asked("p", error), 5.0))
    assert (found.ok, found.kind, found.probe) == (False, kind, True)
    assert str(error) in found.reason


def test_a_look_does_not_take_longer_than_it_may() -> None:
    class Hangs(Asked):
        async def probe(self) -> None:
            await asyncio.sleep(60)

    found = asyncio.run(probe(Hangs("p"), 0.05))
    assert (found.kind, found.reason) == ("unreachable", "no answer within 0.05 s")
    assert 0.04 < found.seconds < 30


def a_job(**changes: Any) -> Job:
    return Job(Status.QUEUED, request=queued(**changes))


def test_a_job_falls_back_and_returns_when_its_provider_has_recovered(
    run: Callable[..., None],
) -> None:
    async def scenario(house: House) -> None:
        job = a_job(provider="p")
        first = await house.router.pick(job)
        assert (first.provider, first.reason) == ("p", "asked for")
        job = Job(Status.QUEUED, request=job.asked, choice=first)
        assert await house.router.pick(job) is first
        await fail(house.breakers, 5)
        second = await house.router.pick(job)
        assert (second.provider, second.cost_usd) == ("q", 0.5)
        assert second.reason == "cheapest; p was asked for and is held back"
        unasked = Job(Status.QUEUED, request=queued(), choice=first)
        assert (await house.router.pick(unasked)).reason == "cheapest; instead of p"
        await house.breakers.record("p", outcome())
        assert await house.router.pick(job) is first

    run(scenario)


def test_a_job_that_nobody_may_make_now_hears_when_to_come_back(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        await fail(house.breakers, 5)
        await house.breakers.record("q", outcome("busy", retry_after=7.0))
        with pytest.raises(ProviderError, match="held back: p, q") as busy:
            await house.router.pick(a_job())
        assert busy.value.kind == "busy"
        assert busy.value.retry_after is not None
        assert SHORTEST_WAIT <= busy.value.retry_after <= 7.0

    run(scenario)


def test_a_job_that_nobody_can_make_is_refused(run: Callable[..., None]) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(ProviderError, match="makes at most 60 s") as refused:
            await house.router.pick(a_job(duration_s=61.0))
        assert (refused.value.kind, refused.value.retryable) == ("failed", False)

    run(scenario)
