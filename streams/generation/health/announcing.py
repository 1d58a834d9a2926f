"""A provider's health as an event of its topic."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import structlog
from confluent_kafka import KafkaException

from schemas.catalogue import PROVIDER_HEALTH
from schemas.errors import InvalidEventError
from schemas.publisher import Publisher, PublishError, new_event_id
from schemas.registry import SchemaRegistryError
from streams.generation.health.breakers import Announce
from streams.generation.health.state import ProviderHealth

FLUSH_SECONDS = 5.0  # until the broker has acknowledged a word

log = structlog.get_logger()


def announce_with(publisher: Publisher) -> Announce:
    """Announces health through a publisher.

    A word that does not get through is logged and forgotten: health is an observation, and the
    next word is never far away.
    """

    def write(event: dict[str, Any]) -> None:
        publisher.publish(PROVIDER_HEALTH, event)
        publisher.flush(FLUSH_SECONDS)

    async def announce(provider: str, health: ProviderHealth) -> None:
        try:
            await asyncio.to_thread(write, event_of(provider, health))
        except (
            PublishError,
            KafkaException,
            SchemaRegistryError,
            InvalidEventError,
            OSError,
        ) as error:
            log.warning("provider's health not announced", provider=provider, error=str(error))

    return announce


def event_of(provider: str, health: ProviderHealth) -> dict[str, Any]:
    """The event that tells how a provider is."""
    return {
        "event_id": new_event_id(),
        "occurred_at": health.as_of or dt.datetime.now(dt.UTC),
        "provider": provider,
        "status": health.status,
        "consecutive_failures": health.consecutive_failures,
        "avg_response_ms": health.avg_response_ms,
        "cost_per_request": health.cost_per_request,
        "reason": health.reason,
        "last_checked_at": health.last_checked_at,
        "open_until": health.open_until,
    }
