"""The condition of this process, as its documented clients ask for it."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import time
from typing import Any, Literal

import psutil
from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import ApiError
from api.predictions.probe import probe
from api.responses import also
from api.routes import V1
from api.services import Here, Services
from api.version import VERSION

router = APIRouter(prefix=V1, tags=["health"])
open_router = APIRouter(tags=["health"])

_LOOK_SECONDS = 0.1  # over which the processor's load is measured
_NEEDED = ("database", "models")  # without these nothing is predicted

State = Literal["healthy", "unhealthy"]


class Condition(BaseModel):
    """Whether predictions can be made."""

    status: State
    timestamp: dt.datetime
    version: str
    components: dict[str, State]
    metrics: dict[str, str] = Field(description="memory_usage and cpu_usage of the machine.")


class Details(BaseModel):
    """All of it, with figures."""

    status: State
    timestamp: dt.datetime
    version: str
    uptime_seconds: float
    components: dict[str, dict[str, Any]] = Field(
        description="database, redis, kafka, projections, models: status, latency_ms, ..."
    )
    memory: dict[str, float] = Field(description="In bytes; percent of the machine's.")
    cpu: dict[str, float] = Field(description="Percent of the machine, of this process; cores.")
    disk: dict[str, float] = Field(description="Of the data directory, in bytes.")


@router.get("/health", summary="Health")
async def health(here: Here) -> Condition:
    """Open without a key. 503 when the database or the model is away."""
    components, cpu = await asyncio.gather(_components(here), _cpu())
    condition = Condition(
        status=_status(components),
        timestamp=dt.datetime.now(dt.UTC),
        version=VERSION,
        components={name: _state(components[name]) for name in _NEEDED},
        metrics={
            "memory_usage": f"{psutil.virtual_memory().percent}%",
            "cpu_usage": f"{cpu['percent']}%",
        },
    )
    _hold(condition)
    return condition


@open_router.get("/health/detailed", summary="Health in figures", responses=also(503))
@router.get("/health/detailed", summary="Health in figures")
async def detailed(here: Here) -> Details:
    """Every server behind the API, the model, memory and processor, as measured now."""
    components, cpu = await asyncio.gather(_components(here), _cpu())
    memory = psutil.virtual_memory()
    process = psutil.Process(os.getpid())
    disk = psutil.disk_usage(str(here.settings.home if here.settings.home.exists() else "/"))
    details = Details(
        status=_status(components),
        timestamp=dt.datetime.now(dt.UTC),
        version=VERSION,
        uptime_seconds=round(time.time() - process.create_time(), 1),
        components=components,
        memory={
            "percent": memory.percent,
            "total": memory.total,
            "available": memory.available,
            "process_rss": process.memory_info().rss,
        },
        cpu=cpu,
        disk={"total": disk.total, "free": disk.free, "percent": disk.percent},
    )
    _hold(details)
    return details


async def _components(here: Services) -> dict[str, dict[str, Any]]:
    servers, model = await asyncio.gather(here.health.components(), _model(here))
    return {**servers, "models": model}


async def _model(here: Services) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        found = await probe(here.desk)
    except Exception as error:
        return {"status": "down", "latency_ms": None, "error": type(error).__name__}
    return {
        "status": "up",
        "latency_ms": round((time.perf_counter() - started) * 1000, 2),
        "model_version": found.model_version,
        "refused": here.models.refused(),
    }


async def _cpu() -> dict[str, float]:
    process = psutil.Process(os.getpid())
    process.cpu_percent()
    whole = await asyncio.to_thread(psutil.cpu_percent, _LOOK_SECONDS)
    return {
        "percent": whole,
        "process_percent": process.cpu_percent(),
        "cores": float(psutil.cpu_count() or 1),
        "load_1m": psutil.getloadavg()[0],
    }


def _state(component: dict[str, Any]) -> State:
    return "healthy" if component["status"] == "up" else "unhealthy"


def _status(components: dict[str, dict[str, Any]]) -> State:
    well = all(components[name]["status"] == "up" for name in _NEEDED)
    return "healthy" if well else "unhealthy"


def _hold(condition: Condition | Details) -> None:
    if condition.status == "unhealthy":
        raise ApiError(
            503,
            "NOT_READY",
            "the database or the model is away; `details` says which",
            details=condition.model_dump(),
            headers={"Retry-After": "2"},
        )
