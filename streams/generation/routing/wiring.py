"""A worker's router with what it needs: Redis for the breakers, Kafka for the word of health."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from infra.settings import Settings
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.generation.health.announcing import announce_with
from streams.generation.health.breakers import Breakers, Rules, connection
from streams.generation.health.watch import HealthWatch
from streams.generation.providers.provider import Provider
from streams.generation.routing.router import Router

SOURCE = "groundswell/generation-worker"


@asynccontextmanager
async def routed(settings: Settings, providers: Mapping[str, Provider]) -> AsyncIterator[Router]:
    """A router over those providers; while it is there, they are looked after."""
    redis = connection(settings.redis_url or "")
    with Registry(settings.registry_config()) as registry:
        publisher = Publisher(settings.kafka_config(), Codec(registry), source=SOURCE)
        announce = announce_with(publisher)
        breakers = Breakers(redis, providers, Rules.of(settings), announce=announce)
        watch = HealthWatch(breakers, providers, announce, every=settings.provider_check_seconds)
        watching = asyncio.create_task(watch.run(), name="health watch")
        try:
            yield Router(providers, breakers, by=settings.provider_choice)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await redis.aclose()
