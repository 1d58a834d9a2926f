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
from streams.generation.health.state import ProviderHealth
from streams.generation.health.watch import HealthWatch
from streams.generation.providers.provider import Provider
from streams.generation.routing.router import HealthRouter

LAST_WORDS_SECONDS = 2.0  # that a worker which ends waits for them
SOURCE = "groundswell/generation-worker"


@asynccontextmanager
async def routed(
    settings: Settings, providers: Mapping[str, Provider]
) -> AsyncIterator[HealthRouter]:
    """A router over those providers; while it is there, they are looked after."""
    redis = connection(settings.redis_url or "")
    with Registry(settings.registry_config()) as registry:
        publisher = Publisher(settings.kafka_config(), Codec(registry), source=SOURCE)
        announce = announce_with(publisher)
        words: set[asyncio.Task[None]] = set()

        async def announce_later(provider: str, health: ProviderHealth) -> None:
            # An attempt whose outcome changes a status is not to wait for Kafka.
            word = asyncio.create_task(announce(provider, health))
            words.add(word)
            word.add_done_callback(words.discard)

        breakers = Breakers(redis, providers, Rules.of(settings), announce=announce_later)
        watch = HealthWatch(breakers, providers, announce, every=settings.provider_check_seconds)
        watching = asyncio.create_task(watch.run(), name="health watch")
        try:
            yield HealthRouter(providers, breakers, by=settings.provider_choice)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            if words:
                await asyncio.wait(words, timeout=LAST_WORDS_SECONDS)
            await redis.aclose()
