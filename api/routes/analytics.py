"""How good predictions were."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from typing import Any

from fastapi import APIRouter, Response

from api.database import Row
from api.errors import not_found, validation_error
from api.positions import DEFAULT_WAIT_MS, MinPosition
from api.predictions.answers import accuracy
from api.routes import V1
from api.routes.predictions import IdempotencyKey
from api.routes.strictness import BadRequestRoute
from api.services import Here, Services
from api.shapes.analytics import (
    DAYS,
    Dashboard,
    Day,
    Figures,
    Part,
    Parts,
    Saved,
    SaveRequest,
    TimeRange,
    Trends,
)
from api.users import Who
from projections.positions import wait_for
from schemas.errors import InvalidEventError
from schemas.publisher import new_event_id

router = APIRouter(prefix=f"{V1}/analytics", tags=["analytics"], route_class=BadRequestRoute)

TOP_CATEGORIES = 10
JUST_MADE_SECONDS = 60.0  # an id that young may be on its way to the tables
_PAUSE_SECONDS = 0.05
_FROM_KEY = uuid.UUID("3c8e7f52-9d1b-4a0f-8f0a-6b6c2d0f7e19")  # namespace of ids made from keys


@router.get("/dashboard", summary="All figures")
async def dashboard(
    here: Here, who: Who, at_least: MinPosition, time_range: TimeRange = "30d"
) -> Dashboard:
    """Of the predictions made in that time. `accuracy` and `coverage` are of those with actuals."""
    await at_least.of(here.database, "predictions")
    since = _since(time_range)
    whole, models, stages, categories = await asyncio.gather(
        *(_figures(here, since, by, who.reads) for by in ("", "model", "stage", "category"))
    )
    row = whole[0] if whole else _NOTHING
    return Dashboard(
        **_shown(row),
        time_range=time_range,
        since=since,
        given_actuals=row["given_actuals"],
        observed_actuals=row["observed_actuals"],
        models=[_part(part) for part in models],
        stages=[_part(part) for part in stages],
        top_categories=[_part(part) for part in categories[:TOP_CATEGORIES]],
    )


@router.get("/categories", summary="By category")
async def categories(
    here: Here, who: Who, at_least: MinPosition, time_range: TimeRange = "30d"
) -> Parts:
    """Every category that predictions were made for, the most frequent first."""
    await at_least.of(here.database, "predictions")
    since = _since(time_range)
    items = [_part(row) for row in await _figures(here, since, "category", who.reads)]
    return Parts(time_range=time_range, since=since, items=items, total=len(items))


@router.get("/trends", summary="By day")
async def trends(
    here: Here, who: Who, at_least: MinPosition, time_range: TimeRange = "30d"
) -> Trends:
    """By the day on which the predictions were made."""
    await at_least.of(here.database, "predictions")
    since = _since(time_range)
    found = {row["name"]: row for row in await _figures(here, since, "day", who.reads)}
    days = [since.date() + dt.timedelta(days=day) for day in range(DAYS[time_range] + 1)]
    items = [Day(date=day, **_shown(found.get(day.isoformat(), _NOTHING))) for day in days]
    return Trends(time_range=time_range, since=since, items=items)


@router.post("/save", summary="What became of a prediction")
async def save(
    body: SaveRequest,
    here: Here,
    who: Who,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Saved:
    """Into the log; the figures hold it when this is answered, or soon after.

    Said again, the newer one counts; with the same `Idempotency-Key` it is the same event. What is
    given comes before what the pipeline observes.
    """
    row = await _made(here, body.prediction_id, who.reads)
    if row is None:
        raise not_found("prediction", body.prediction_id)
    who.hold_change(row["user_id"], "prediction")
    event = {
        "_type": "ActualObserved",
        "event_id": _identity(body.prediction_id, who.user_id, idempotency_key),
        "occurred_at": dt.datetime.now(dt.UTC),
        "prediction_id": body.prediction_id,
        "actual_views": body.actual_views,
        "feedback": body.feedback,
        "horizon_h": row["horizon_h"],
        "source": "given",
    }
    [position] = await here.predictions.of([event])
    if isinstance(position, InvalidEventError):
        raise validation_error(position.path, position.reason)
    response.headers["X-Event-Position"] = str(position)
    await wait_for(here.database.pool, "predictions", position, timeout_s=DEFAULT_WAIT_MS / 1000)
    return Saved(
        prediction_id=body.prediction_id,
        predicted_views=round(row["predicted_views"]),
        actual_views=body.actual_views,
        accuracy=accuracy(row["predicted_views"], body.actual_views),
        within_range=row["lower"] <= body.actual_views <= row["upper"],
    )


def _identity(prediction_id: str, user_id: str | None, key: str | None) -> str:
    if key is None:
        return new_event_id()
    return str(uuid.uuid5(_FROM_KEY, f"{prediction_id}\n{user_id}\n{key}"))


async def _made(here: Services, prediction_id: str, user_id: str | None) -> Row | None:
    """The prediction; one that was made just now is waited for, as the tables are a little late."""
    deadline = time.monotonic() + DEFAULT_WAIT_MS / 1000
    while True:
        row = await here.database.one("predictions.one", {"id": prediction_id, "user_id": user_id})
        if row is not None or not just_made(prediction_id) or time.monotonic() > deadline:
            return row
        await asyncio.sleep(_PAUSE_SECONDS)


def just_made(prediction_id: str) -> bool:
    """Whether an id can be of the last minute: ids say when they were made (UUID version 7), but
    for those that come from an idempotency key (version 5)."""
    try:
        identity = uuid.UUID(prediction_id)
    except ValueError:
        return False
    if identity.version == 5:
        return True
    age = time.time() - (identity.int >> 80) / 1000
    return identity.version == 7 and abs(age) < JUST_MADE_SECONDS


_NOTHING: Row = {
    **dict.fromkeys(Figures.model_fields),
    "predictions": 0,
    "with_actuals": 0,
    "given_actuals": 0,
    "observed_actuals": 0,
}


def _since(time_range: TimeRange) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=DAYS[time_range])


async def _figures(here: Services, since: dt.datetime, by: str, user_id: str | None) -> list[Row]:
    asked = {"since": since, "by": by, "user_id": user_id}
    return await here.database.all("analytics.figures", asked)


def _shown(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in Figures.model_fields}


def _part(row: Row) -> Part:
    return Part(name=row["name"], **_shown(row))
