"""Limits over a real Redis: exact across processes, honest when it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest
import structlog
from redis.asyncio import Redis

from api.limits.counting import Counter
from api.limits.rules import MICROSECONDS, Limits
from infra.settings import Settings
from tests.integration.api.conftest import KEY, Api, serving
from tests.integration.api.stand_in import StandInModels

Make = Callable[[str], str]
T = TypeVar("T")
HOUR = 3600 * MICROSECONDS


def counting(url: str | None, ask: Callable[[Counter], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Redis.from_url(url or "", socket_timeout=5) as redis:
            return await ask(Counter(redis, lambda up: None))

    return asyncio.run(run())


def test_of_many_at_once_exactly_as_many_pass_as_there_are(
    provisioned: Settings, unique: Make
) -> None:
    limits = Limits(unique("who"), "free", 60 * MICROSECONDS, 500, 20, HOUR)

    async def ask(counter: Counter) -> list[Any]:
        return await asyncio.gather(*(counter.take(limits) for _ in range(30)))

    verdicts = counting(provisioned.redis_url, ask) + counting(provisioned.redis_url, ask)
    allowed = [one for one in verdicts if one.allowed]
    assert len(allowed) == 20
    assert sorted(one.remaining for one in allowed) == list(range(20))
    refused = [one for one in verdicts if not one.allowed]
    assert {one.limit for one in refused} == {20}
    assert all(0 < one.retry_s <= 7200 and 0 < one.reset_s <= 7200 for one in refused)


def test_a_refused_request_takes_nothing_of_the_other_limit(
    provisioned: Settings, unique: Make
) -> None:
    who = unique("who")
    both = Limits(who, "free", HOUR, 3, 2, HOUR)
    pace = Limits(who, "free", HOUR, 3, 0, 0)

    async def ask(counter: Counter) -> list[bool]:
        taken = [await counter.take(both) for _ in range(4)]
        taken += [await counter.take(pace) for _ in range(2)]
        return [one is not None and one.allowed for one in taken]

    assert counting(provisioned.redis_url, ask) == [True, True, False, False, True, False]


@pytest.mark.parametrize(
    "limits",
    [("pace", MICROSECONDS // 2, 2, 0, 0), ("amount", 0, 0, 2, MICROSECONDS)],
)
def test_who_waits_as_long_as_told_may_ask_again(
    provisioned: Settings, unique: Make, limits: tuple[str, int, int, int, int]
) -> None:
    held = Limits(unique(limits[0]), *limits)

    async def ask(counter: Counter) -> bool:
        for _ in range(6):
            found = await counter.take(held)
            assert found is not None
            if not found.allowed:
                await asyncio.sleep(found.retry_s)
                again = await counter.take(held)
                return again is not None and again.allowed
        raise AssertionError("nothing was refused")

    assert counting(provisioned.redis_url, ask)


def test_an_outage_is_said_once_and_so_is_its_end(provisioned: Settings, unique: Make) -> None:
    limits = Limits(unique("who"), "free", MICROSECONDS, 5, 0, 0)
    told: list[bool] = []

    async def run() -> list[bool]:
        async with Redis.from_url(provisioned.redis_url or "") as redis:
            counter = Counter(redis, told.append)
            good = redis.connection_pool
            redis.connection_pool = Redis.from_url("redis://127.0.0.1:1/0").connection_pool
            found = [await counter.take(limits) for _ in range(3)]
            redis.connection_pool = good
            deadline = time.monotonic() + 60
            while (last := await counter.take(limits)) is None and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            return [one is None for one in [*found, last]]

    with structlog.testing.capture_logs() as logs:
        assert asyncio.run(run()) == [True, True, True, False]
    assert told == [False, True]
    assert [one["log_level"] for one in logs] == ["error", "info"]


def asked(client: httpx.Client, address: str, path: str = "/", **headers: str) -> httpx.Response:
    return client.get(path, headers={"X-Forwarded-For": address, **headers})


@pytest.fixture(scope="module")
def two(api: Api) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Two applications with one Redis, that let an address ask five times."""
    settings = api.settings.model_copy(
        update={"rate_limit_per_minute": 1, "rate_limit_burst": 5, "rate_limit_sign_in": "none"}
    )
    with (
        serving(settings, StandInModels()) as first,
        serving(settings, StandInModels()) as second,
        httpx.Client(base_url=first, timeout=30) as one,
        httpx.Client(base_url=second, timeout=30) as other,
    ):
        yield one, other


def test_the_request_after_the_last_is_429_in_every_process(
    two: tuple[httpx.Client, httpx.Client],
) -> None:
    one, other = two
    for left in (4, 3, 2, 1, 0):
        answer = asked((one, other)[left % 2], "203.0.113.1")
        assert answer.status_code == 200
        assert answer.headers["X-RateLimit-Limit"] == "5"
        assert answer.headers["X-RateLimit-Remaining"] == str(left)
        assert int(answer.headers["X-RateLimit-Reset"]) > time.time()
    for client in two:
        refused = asked(client, "203.0.113.1")
        assert refused.status_code == 429
        assert refused.json()["error_code"] == "RATE_LIMITED"
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert asked(one, "203.0.113.2").status_code == 200
    assert 'outcome="refused",tier="address"' in one.get("/metrics").text


def test_who_guesses_keys_is_stopped_and_who_has_one_is_not(
    two: tuple[httpx.Client, httpx.Client],
) -> None:
    one, other = two
    path = "/api/v1/models/info"
    address = "203.0.113.3"
    wrong = [asked(one, address, path, **{"X-API-Key": f"k{n}"}).status_code for n in range(4)]
    assert wrong == [403] * 4
    assert asked(other, address, path).status_code == 401
    for client in two:
        refused = asked(client, address, path, **{"X-API-Key": "guess"})
        assert (refused.status_code, refused.json()["error_code"]) == (429, "RATE_LIMITED")
    for _ in range(7):
        answer = asked(one, address, path, **{"X-API-Key": KEY})
        assert answer.status_code == 200
        assert "X-RateLimit-Limit" not in answer.headers
    assert all(asked(one, address, "/health").status_code == 200 for _ in range(7))


def test_only_a_trusted_proxy_says_who_asks(api: Api) -> None:
    settings = api.settings.model_copy(
        update={"rate_limit_per_minute": 1, "rate_limit_burst": 2, "trusted_proxies": ()}
    )
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        answers = [asked(client, f"203.0.113.{n}").status_code for n in range(10, 13)]
    assert answers[-1] == 429


@pytest.mark.parametrize(("when", "status"), [("open", 200), ("closed", 503)])
def test_without_redis_it_answers_or_does_not_as_it_was_told(
    api: Api, when: str, status: int
) -> None:
    settings = api.settings.model_copy(
        update={
            "redis_url": "redis://127.0.0.1:1/0",
            "rate_limit_per_minute": 100,
            "rate_limit_when_redis_is_away": when,
        }
    )
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        for _ in range(3):
            answer = client.get("/")
            assert answer.status_code == status
            assert answer.headers["X-RateLimit-Status"] == "uncounted"
        if status == 503:
            assert answer.json()["error_code"] == "LIMITS_UNAVAILABLE"
            assert answer.headers["Retry-After"]
        mine = client.get("/api/v1/models/info", headers={"X-API-Key": KEY})
        assert mine.status_code == 200
        assert "api_rate_limits_up 0.0" in client.get("/metrics").text
