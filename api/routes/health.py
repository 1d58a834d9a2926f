"""Probes and metrics: open to everyone who can reach the port."""

from __future__ import annotations

from typing import Any, Literal

import psycopg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field

from api import youtube_metrics
from api.errors import ApiError
from api.health import is_ready
from api.pipeline_metrics import exposition
from api.responses import also
from api.services import Here

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """This process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Every server behind it answers."""

    status: Literal["ready"] = "ready"
    components: dict[str, dict[str, Any]] = Field(
        description="database, redis, kafka, projections: status and latency_ms of each."
    )


@router.get("/health", summary="Liveness")
async def alive() -> Alive:
    """200 as long as this process runs, whatever else is away."""
    return Alive()


@router.get("/health/ready", summary="Readiness", responses=also(503))
async def ready(request: Request, here: Here) -> Ready:
    """503 when a server behind the API is away, as `details` says, or when this process stops."""
    if request.app.state.drain.begun:
        raise ApiError(
            503,
            "STOPPING",
            "this process ends what it has begun, and stops",
            details={"status": "stopping"},
            headers={"Retry-After": "2"},
        )
    components = await here.health.components()
    if is_ready(components):
        return Ready(components=components)
    away = [name for name, component in components.items() if component["status"] != "up"]
    raise ApiError(
        503,
        "NOT_READY",
        f"{', '.join(away)} {'does' if len(away) == 1 else 'do'} not answer",
        details={"status": "unavailable", "components": components},
        headers={"Retry-After": "2"},
    )


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(here: Here) -> Response:
    """This process's own, the pipeline's from the tables, and those of YouTube from Redis."""
    try:
        pipeline = await exposition(here.database, here.drifting)
        here.metrics.database_up.set(1)
    except (psycopg.Error, PoolTimeout):
        pipeline = b""
        here.metrics.database_up.set(0)
    youtube = await youtube_metrics.exposition(here.youtube)
    return Response(
        generate_latest(here.metrics.registry) + pipeline + youtube,
        media_type=CONTENT_TYPE_LATEST,
    )
