"""The model that predicts."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Annotated, Any, Literal

import psycopg
import structlog
from fastapi import APIRouter, Query
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field

from api.errors import ApiError
from api.positions import MinPosition
from api.predictions.probe import probe
from api.predictions.standing import SHADOW_PAIRS, pairs_of, records
from api.routes import V1
from api.services import Here, Services
from api.shapes.models import Beside, DriftReport, Scored, ShadowReport
from streams.virality.features import FEATURES, feature_hash

log = structlog.get_logger()

router = APIRouter(prefix=f"{V1}/models", tags=["models"])


class FeatureInfo(BaseModel):
    """One thing that the model looks at."""

    name: str
    unit: str
    source: str
    available_at: str
    about: str


class ModelInfo(BaseModel):
    """The model that serves."""

    model_version: str
    name: str
    source: str = Field(description="registry, or default: the one that ships.")
    compiled: bool = Field(description="Whether it predicts by machine code.")
    trained_since: dt.datetime | None
    trained_until: dt.datetime | None
    trained_on: dict[str, Any] = Field(description="What its maker wrote down.")
    metrics: dict[str, Any] = Field(description="Of its card, with baselines.")
    registered: int = Field(description="Models in the registry.")
    registered_at: dt.datetime | None
    promoted_at: dt.datetime | None
    promoted_because: str | None
    shadow: str | None = Field(description="The version that scores beside it, if any.")
    horizons: list[str] = ["24h", "7d", "30d"]
    interval: float = Field(0.9, description="Share of actuals that its band is to hold.")
    features: list[FeatureInfo]
    feature_hash: str


class ModelHealth(BaseModel):
    """Whether it predicts."""

    status: Literal["healthy", "degraded"] = Field(
        description="degraded: a model that should serve was refused, and the one before goes on."
    )
    model_version: str
    probe_ms: float = Field(description="Time of a prediction made for this answer.")
    loaded: bool = True
    refused: dict[str, str] = Field(description="Versions that could not be loaded, and why.")
    forecasts: int = Field(description="Made by this process.")
    batches: int = Field(description="In which they were made.")
    drift: DriftReport | None = Field(description="null: the tables are away.")
    timestamp: dt.datetime


@router.get("/info", summary="The model that serves")
async def info(here: Here) -> ModelInfo:
    """Its version, where it comes from, what it was trained on, what it looks at."""
    return ModelInfo(
        model_version=here.models.serving().version,
        features=[
            FeatureInfo(**{name: getattr(one, name) for name in FeatureInfo.model_fields})
            for one in FEATURES
        ],
        feature_hash=feature_hash(),
        **here.models.facts(),
    )


@router.get("/health", summary="Whether the model predicts")
async def health(here: Here) -> ModelHealth:
    """Makes a prediction, which is not kept; 503 when that fails."""
    started = time.perf_counter()
    try:
        found = await probe(here.desk)
    except Exception as error:
        raise ApiError(
            503,
            "MODEL_UNAVAILABLE",
            f"the model does not predict: {type(error).__name__}",
            headers={"Retry-After": "2"},
        ) from error
    refused = here.models.refused()
    return ModelHealth(
        status="degraded" if refused else "healthy",
        model_version=found.model_version,
        probe_ms=round((time.perf_counter() - started) * 1000, 3),
        refused=refused,
        forecasts=here.desk.forecasts,
        batches=here.desk.batches,
        drift=await _drift(here),
        timestamp=dt.datetime.now(dt.UTC),
    )


@router.get("/shadow", summary="How the shadow does")
async def shadow(
    here: Here,
    at_least: MinPosition,
    model_version: Annotated[
        str | None, Query(max_length=200, description="An earlier shadow; else that of now.")
    ] = None,
) -> ShadowReport:
    """Beside the model that served, on the same predictions, those whose actuals have come."""
    await at_least.of(here.database, "predictions")
    version = model_version or here.models.facts()["shadow"]
    found: list[Beside] = []
    total = 0
    if version is not None:
        rows = await here.database.all(SHADOW_PAIRS, pairs_of(version))
        judged = await asyncio.to_thread(records, rows)
        found = [Beside.model_validate(one) for one in judged]
        counted = await here.database.one("models.shadow_total", {"version": version})
        total = counted["total"] if counted else 0
    return ShadowReport(
        model_version=version,
        forecasts=total,
        records=found,
        this_process=Scored.model_validate(here.shadowing),
    )


async def _drift(here: Services) -> DriftReport | None:
    try:
        _, found = await here.drifting.of_serving()
    except (psycopg.Error, PoolTimeout) as error:
        log.warning("drift is not known", error=type(error).__name__)
        return None
    return DriftReport.model_validate(found)
