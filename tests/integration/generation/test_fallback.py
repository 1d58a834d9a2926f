"""Jobs of a real worker go where they can be made, with Redis and without."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg_pool import AsyncConnectionPool

from infra.embedded.redis import Redis as RedisServer
from infra.settings import Settings
from schemas.catalogue import GENERATION_REQUESTS
from streams.artifacts import Artifacts
from streams.decisions.store import Recorded
from streams.generation.dispatch.dispatch import Dispatcher
from streams.generation.health.breakers import Breakers, connection
from streams.generation.providers.provider import Abilities, Order, Rendering, Telling
from streams.generation.routing.assigning import Assigner
from streams.generation.routing.router import HealthRouter
from streams.generation.work.worker import work
from tests.integration.generation.stories import story
from tests.integration.generation.test_breakers import LONG, fail
from tests.integration.generation.test_dispatch import Outbox, a_chunk, request_bytes


class Maker:
    """A provider that makes two small files."""

    model = "none"

    def __init__(self, name: str, usd: float) -> None:
        self.name = name
        self.abilities = Abilities(seeded=True, usd_per_second=usd)

    async def probe(self) -> None: ...

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        video, thumbnail = folder / "v", folder / "t"
        video.write_bytes(order.key.encode())
        thumbnail.write_bytes(b"t")
        return Rendering(video, thumbnail, order.seconds)


PROVIDERS = {"p": Maker("p", 0.0), "q": Maker("q", 1.0)}


def routers(redis: Any, prefix: str) -> tuple[Breakers, HealthRouter]:
    breakers = Breakers(redis, PROVIDERS, LONG, prefix=prefix)
    return breakers, HealthRouter(PROVIDERS, breakers)


async def dispatch(dsn: str, router: HealthRouter, *job_ids: str) -> None:
    chunk = a_chunk(GENERATION_REQUESTS, [request_bytes(job_id) for job_id in job_ids])
    async with AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False) as pool:
        await Dispatcher(pool, Outbox(), Assigner(router)).handle(chunk)


async def make(dsn: str, router: HealthRouter, folder: Path) -> None:
    artifacts = Artifacts(folder.as_uri())
    await work(dsn, PROVIDERS, artifacts, router=router, until_idle=True)


def told(rows: list[Recorded]) -> list[tuple[str, str | None]]:
    """Types, and the provider of those events that have one."""
    return [(r.type, r.body.get("provider_used") or r.body.get("provider")) for r in rows]


def test_a_job_whose_provider_fell_ill_meanwhile_is_made_by_another(
    prepared: str, stack_settings: Settings, unique: Callable[[str], str], tmp_path: Path
) -> None:
    async def scenario() -> None:
        redis = connection(stack_settings.redis_url or "")
        breakers, router = routers(redis, unique("fallback"))
        await dispatch(prepared, router, "j")
        await fail(breakers, 5)
        await make(prepared, router, tmp_path)
        rows = await story(prepared, "j")
        assert told(rows) == [
            ("JobQueued", None),
            ("ProviderChosen", "p"),
            ("ProviderChosen", "q"),
            ("AttemptStarted", "q"),
            ("Completed", None),
        ]
        assert rows[2].body["reason"] == "cheapest; instead of p"
        health = (await breakers.health())["q"]
        assert (health.status, health.cost_per_request) == ("healthy", 0.5)
        assert health.avg_response_ms is not None
        await redis.aclose()

    asyncio.run(scenario())


def test_redis_killed_between_dispatch_and_attempt_changes_nothing_for_a_job(
    prepared: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    async def scenario() -> None:
        redis = connection(redis_server.address)
        _, router = routers(redis, "killed")
        await dispatch(prepared, router, "a", "b", "c")
        assert redis_server.pid is not None
        os.kill(redis_server.pid, signal.SIGKILL)
        await make(prepared, router, tmp_path)
        for job_id in "abc":
            assert told(await story(prepared, job_id))[-1] == ("Completed", None)
        await redis.aclose()

    asyncio.run(scenario())
