"""Providers of generated videos: how they are, and a look at one."""

from __future__ import annotations

import structlog
from confluent_kafka import KafkaException
from fastapi import APIRouter, Request, Response

from api.around.deadline import allow
from api.database import Row
from api.errors import ApiError, not_found
from api.positions import MinPosition
from api.routes import V1
from api.services import Here
from api.shapes.providers import (
    ProviderStatus,
    ProviderStatuses,
    ProviderTest,
    ProviderTestRequest,
)
from schemas.catalogue import PROVIDER_HEALTH
from schemas.publisher import Position
from streams.generation.health.announcing import event_of
from streams.generation.health.probing import probe
from streams.generation.health.state import UNKNOWN, ProviderHealth

router = APIRouter(prefix=f"{V1}/providers", tags=["providers"])

TELL_SECONDS = 30.0  # that the answer may take besides the look itself

log = structlog.get_logger()


@router.get("/status", summary="How the providers are")
async def status(here: Here, at_least: MinPosition) -> ProviderStatuses:
    """The configured ones in the order of preference, then others that were heard of."""
    await at_least.of(here.database, "providers")
    rows = {row["provider"]: row for row in await here.database.all("providers.health")}
    names = [*here.providers, *(name for name in rows if name not in here.providers)]
    found = [_status(here, name, rows.get(name)) for name in names]
    return ProviderStatuses(providers=found, total=len(found))


@router.post("/test", summary="Look at a provider")
async def test(
    body: ProviderTestRequest, request: Request, here: Here, response: Response
) -> ProviderTest:
    """Ask a provider something that costs nothing, whatever its breaker says.

    What comes of it counts: a failure like one of a job, a success recovers the provider.
    """
    provider = here.providers.get(body.provider)
    if provider is None:
        raise not_found("provider", body.provider)
    allow(request, body.timeout + TELL_SECONDS)
    outcome = await probe(provider, body.timeout)
    await here.breakers.record(provider.name, outcome)
    health = (await here.breakers.health()).get(provider.name, UNKNOWN)
    position = await _tell(here, provider.name, health)
    if position is not None:
        response.headers["X-Event-Position"] = str(position)
    return ProviderTest(
        provider=provider.name,
        model=provider.model,
        success=outcome.ok,
        status=health.status,
        response_time_ms=round(outcome.seconds * 1000, 3),
        error=outcome.reason or None,
        checked_at=outcome.at,
        consecutive_failures=health.consecutive_failures,
        recorded=position is not None,
    )


async def _tell(here: Here, provider: str, health: ProviderHealth) -> Position | None:
    """Publish how it is; where that is, or None where it is not known or cannot be told."""
    if health.as_of is None:
        return None
    try:
        outcome = await here.publishing.publish(PROVIDER_HEALTH, [event_of(provider, health)])
    except (ApiError, KafkaException) as error:
        # What came of the look is worth more than that everybody knows it.
        log.warning("provider's health not announced", provider=provider, error=str(error))
        return None
    return outcome.last


def _status(here: Here, name: str, row: Row | None) -> ProviderStatus:
    provider = here.providers.get(name)
    known = row or {}
    return ProviderStatus(
        provider=name,
        model=None if provider is None else provider.model,
        status=known.get("status", "unknown"),
        consecutive_failures=known.get("consecutive_failures", 0),
        avg_response_time_ms=known.get("avg_response_ms"),
        cost_per_request=known.get("cost_per_request"),
        last_checked_at=known.get("last_checked_at"),
        open_until=known.get("open_until"),
        error=known.get("reason") or None,
        updated_at=known.get("told_at"),
    )
