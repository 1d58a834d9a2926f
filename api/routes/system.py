"""The pipeline itself: totals, processes, lags, and what this process measures."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import psutil
import structlog
from confluent_kafka import KafkaException
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.health import is_ready
from api.routes import V1
from api.routes.health import Ready, ready
from api.services import Here, Services
from api.version import VERSION
from schemas.agents import AGENTS, group_of

router = APIRouter(prefix=V1, tags=["system"])

log = structlog.get_logger()


class Engagement(BaseModel):
    """Sums over all scored videos."""

    views: int
    likes: int
    dislikes: int
    comments: int
    shares: int
    saves: int
    impressions: int
    watch_ms: int


class Totals(BaseModel):
    """Exact counts of what the tables hold."""

    videos: int
    snapshots: int = Field(description="Observations of videos, repeated ones counted once.")
    observed_views: int = Field(description="Sum of the videos' latest views.")
    observed_likes: int
    observed_comments: int
    channels: int
    channel_snapshots: int
    baselines: int = Field(description="Channels that have a baseline.")
    scored_videos: int
    engagement: Engagement
    detections: int = Field(description="That stand: none that a recount took back.")
    outlier_videos: int = Field(description="Videos with at least one of them.")
    jobs: dict[str, int] = Field(description="By status.")


class AgentLag(BaseModel):
    """How far an agent is behind."""

    name: str
    group: str
    lag_events: int | None = Field(description="Null before its first commit.")


class SystemStatus(BaseModel):
    """The stack at a glance."""

    status: str = Field(description="ready, or degraded when a server is away.")
    version: str
    components: dict[str, dict[str, Any]]
    processes: list[dict[str, Any]] = Field(description="Of the embedded stack; else empty.")
    projections: list[dict[str, Any]]
    agents: list[AgentLag]
    events: int = Field(description="Events in the catalogue's topics, ever.")
    events_per_second: float | None
    topics: dict[str, dict[str, Any]]


class SystemMetrics(BaseModel):
    """What this process and its machine measure now."""

    requests: int
    active_requests: int
    average_response_ms: float | None
    live_listeners: int
    cpu_percent: float = Field(description="Of the machine, since this was last asked.")
    memory_percent: float
    process_rss_bytes: int
    gpu: None = Field(None, description="Null: nothing here uses one.")


@router.get("/totals", summary="Exact counts")
async def totals(here: Here) -> Totals:
    """Counted now, from the tables."""
    return Totals(**await here.pulse.totals())


@router.get("/system/status", summary="The stack")
async def status(here: Here) -> SystemStatus:
    """Servers, processes, and how far everyone is behind."""
    components, facts, agents = await asyncio.gather(
        here.health.components(), here.pulse.flow(), _agents(here)
    )
    lag = components["projections"].pop("lag", [])
    return SystemStatus(
        status="ready" if is_ready(components) else "degraded",
        version=VERSION,
        components=components,
        processes=await asyncio.to_thread(_processes, here.settings.stack_file),
        projections=lag,
        agents=agents,
        **facts,
    )


@router.get("/system/health", summary="Readiness, under its other name")
async def system_health(request: Request, here: Here) -> Ready:
    """As `/health/ready`."""
    return await ready(request, here)


@router.get("/system/metrics", summary="What is measured")
async def metrics(here: Here) -> SystemMetrics:
    """Figures of this process as JSON; `/metrics` has more, for Prometheus."""
    requests, seconds = here.metrics.request_figures()
    return SystemMetrics(
        requests=requests,
        active_requests=here.metrics.active_requests(),
        average_response_ms=round(seconds / requests * 1000, 3) if requests else None,
        live_listeners=here.live.listeners,
        cpu_percent=psutil.cpu_percent(),
        memory_percent=psutil.virtual_memory().percent,
        process_rss_bytes=psutil.Process(os.getpid()).memory_info().rss,
    )


async def _agents(here: Services) -> list[AgentLag]:
    async def lag(agent: str) -> int | None:
        try:
            unread = await asyncio.to_thread(here.log_view.unread, agent, bounds)
        except KafkaException as error:
            log.debug("no lag", agent=agent, error=str(error))
            return None
        return None if unread is None else unread.events

    try:
        bounds = await asyncio.to_thread(here.log_view.bounds)
    except KafkaException:
        bounds = {}
    lags = await asyncio.gather(*(lag(agent) for agent in AGENTS))
    return [
        AgentLag(name=agent, group=group_of(agent), lag_events=events)
        for agent, events in zip(AGENTS, lags, strict=True)
    ]


def _processes(stack_file: Path) -> list[dict[str, Any]]:
    # Not its key nor its addresses, which hold passwords.
    try:
        found = json.loads(stack_file.read_text())["processes"]
    except (OSError, ValueError, KeyError):
        return []
    return [
        {name: process.get(name) for name in ("name", "pid", "state", "since", "restarts")}
        for process in found
    ]
