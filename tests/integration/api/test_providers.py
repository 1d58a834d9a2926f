"""Providers through the API: their state, a look at one, quotas."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from api import generation
from schemas.catalogue import PROVIDER_HEALTH
from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import Queue
from tests.integration.api.conftest import KEY, Api, serving
from tests.integration.api.test_jobs import wish
from tests.unit.generation.requests import queued

Make = Callable[[str], str]


def told(api: Api, provider: str, status: str, *, ago: float = 0.0, **facts: Any) -> None:
    """The word of a worker, as its projection has it."""
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago)
    event = {
        "event_id": f"{provider}-{at}",
        "occurred_at": at,
        "provider": provider,
        "status": status,
        "consecutive_failures": 0,
        "avg_response_ms": None,
        "cost_per_request": None,
        "reason": "",
        "last_checked_at": at,
        "open_until": None,
    }
    api.fold("providers", PROVIDER_HEALTH, {**event, **facts})


def statuses(api: Api) -> dict[str, dict[str, Any]]:
    answer = api.client.get("/api/v1/providers/status")
    assert answer.status_code == 200
    body = answer.json()
    assert body["total"] == len(body["providers"])
    return {one["provider"]: one for one in body["providers"]}


def test_a_provider_that_nobody_called_is_unknown(api: Api) -> None:
    assert statuses(api)["local"] == {
        "provider": "local",
        "model": "procedural-1",
        "status": "unknown",
        "consecutiveFailures": 0,
        "avgResponseTimeMs": None,
        "costPerRequest": None,
        "lastCheckedAt": None,
        "openUntil": None,
        "error": None,
        "updatedAt": None,
    }


def test_providers_are_as_the_workers_told_last(api: Api, unique: Make) -> None:
    name = unique("far")
    told(api, name, "degraded", consecutive_failures=3, reason="no answer", ago=5)
    told(api, name, "healthy", ago=20)  # an older word that came later
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    assert statuses(api)[name]["status"] == "degraded"
    told(
        api,
        name,
        "unhealthy",
        consecutive_failures=5,
        reason="it hangs",
        avg_response_ms=1500.0,
        cost_per_request=0.25,
        open_until=until,
    )
    found = statuses(api)[name]
    assert (found["status"], found["consecutiveFailures"], found["error"]) == (
        "unhealthy",
        5,
        "it hangs",
    )
    assert (found["avgResponseTimeMs"], found["costPerRequest"]) == (1500.0, 0.25)
    assert found["model"] is None  # not configured here
    assert dt.datetime.fromisoformat(found["openUntil"]) == until


def test_who_was_not_heard_of_for_long_is_unknown(api: Api, unique: Make) -> None:
    name = unique("gone")
    told(api, name, "healthy", ago=3600)
    assert statuses(api)[name]["status"] == "unknown"


def test_health_is_a_metric(api: Api, unique: Make) -> None:
    names = {unique(status): status for status in ("healthy", "degraded", "unhealthy", "unknown")}
    for name, status in names.items():
        told(api, name, status)
    lines = api.client.get("/metrics").text.splitlines()
    values = [line.split()[-1] for name in names for line in lines if f'provider="{name}"' in line]
    assert values == ["1.0", "0.5", "0.0", "-1.0"]


def look(api: Api, **body: Any) -> httpx.Response:
    return api.client.post("/api/v1/providers/test", json=body)


def test_a_look_at_a_provider_is_a_real_one_and_recorded(api: Api) -> None:
    answer = look(api, provider="local", timeout=30)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["provider"], found["model"]) == ("local", "procedural-1")
    assert (found["success"], found["status"], found["error"]) == (True, "healthy", None)
    assert found["responseTimeMs"] > 0
    assert found["recorded"]
    assert answer.headers["X-Event-Position"].startswith("generation.provider-health.v1/")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"provider": "nobody"}, 404),
        ({}, 422),
        ({"provider": ""}, 422),
        ({"provider": "local", "timeout": 0}, 422),
        ({"provider": "local", "timeout": 301}, 422),
        ({"provider": "local", "timeout": "soon"}, 422),
        ({"provider": "local", "other": 1}, 422),
    ],
)
def test_what_cannot_be_looked_at(api: Api, body: dict[str, Any], status: int) -> None:
    answer = look(api, **body)
    assert answer.status_code == status
    assert answer.json()["request_id"]


def test_strangers_see_nothing(api: Api) -> None:
    assert api.stranger.get("/api/v1/providers/status").status_code == 401
    assert api.stranger.post("/api/v1/providers/test", json={}).status_code == 401


@pytest.fixture(scope="module")
def bounded(api: Api) -> Iterator[httpx.Client]:
    """The API of an installation in which a user has two jobs a day."""
    settings = api.settings.model_copy(update={"quota_jobs_per_day": 2})
    with (
        serving(settings, api.models) as url,
        httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=120) as client,
    ):
        yield client


def enter(api: Api, user: str, *jobs: str) -> None:
    with psycopg.connect(api.settings.dsn) as conn:
        for job in jobs:
            conn.execute(
                "INSERT INTO generation_usage VALUES (%s, %s, (now() AT TIME ZONE 'UTC')::date, 0)",
                (job, user),
            )


def test_a_used_up_quota_is_429_and_says_until_when(
    api: Api, bounded: httpx.Client, unique: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "SETTLE_SECONDS", 0.0)  # there is no dispatcher here
    user = unique("user")
    key = {"Idempotency-Key": "k"}
    enter(api, user, unique("j"))
    first = bounded.post("/api/v1/jobs", json=wish(userId=user), headers=key)
    assert first.status_code == 201
    enter(api, user, first.json()["id"])
    answer = bounded.post("/api/v1/jobs", json=wish(userId=user))
    assert (answer.status_code, answer.json()["error_code"]) == (429, "QUOTA_EXCEEDED")
    details = answer.json()["details"]
    assert (details["period"], details["used"], details["limit"]) == ("day", 2, 2)
    assert dt.datetime.fromisoformat(details["resets_at"]) > dt.datetime.now(dt.UTC)
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    # What was accepted before is no new job.
    again = bounded.post("/api/v1/jobs", json=wish(userId=user), headers=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert api.client.post("/api/v1/jobs", json=wish(userId=user)).status_code == 201


def test_asking_again_counts_too(api: Api, bounded: httpx.Client, unique: Make) -> None:
    user, job = unique("user"), unique("j")

    async def cancelled() -> None:
        async with await psycopg.AsyncConnection.connect(api.settings.dsn, autocommit=True) as conn:
            at = dt.datetime.now(dt.UTC)
            await commands.decide(conn, job, Queue(at, queued(user_id=user)))
            await commands.cancel(conn, job, "no")

    asyncio.run(cancelled())
    enter(api, user, unique("a"), unique("b"))
    answer = bounded.post(f"/api/v1/jobs/{job}/retry")
    assert (answer.status_code, answer.json()["error_code"]) == (429, "QUOTA_EXCEEDED")
