"""What is going viral."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query

from api.database import Row
from api.errors import not_found
from api.positions import MinPosition
from api.routes import V1
from api.services import Here
from api.shapes.paging import Offset
from api.shapes.virality import (
    Band,
    Decayed,
    Forecast,
    History,
    Moment,
    Predicted,
    Ranked,
    Top,
    Virality,
)
from schemas.catalogue import ENGAGEMENT, VIDEO_SNAPSHOTS, VIRALITY_FORECASTS
from schemas.given import Instant
from streams.virality.burst import burst_z
from streams.virality.decay import HOUR, TIME_CONSTANTS

router = APIRouter(prefix=f"{V1}/virality", tags=["virality"])

Window = Literal["1h", "6h", "24h", "7d"]

POINTS = 24  # of a sparkline


@router.get("/top", summary="What is going viral")
async def top(
    here: Here,
    at_least: MinPosition,
    window: Window = "24h",
    category: str | None = None,
    min_burst: Annotated[
        float | None,
        Query(ge=-100, le=1e6, description="Only videos whose `burst_z` is at least this."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Offset = 0,
) -> Top:
    """Videos by their views, decayed with the window as time constant and brought to now."""
    await at_least.of(here.database, "virality")
    now = dt.datetime.now(dt.UTC)
    asked = {"window": window, "category": category, "min_burst": min_burst, "now": now}
    found = await here.database.all("virality.top", {**asked, "limit": limit, "offset": offset})
    rows = [row for row in found if row["video_id"] is not None]
    lines = await here.database.all(
        "virality.sparklines", {"ids": [row["video_id"] for row in rows], "points": POINTS}
    )
    velocities = {line["video_id"]: line["velocities"] for line in lines}
    items = []
    for place, row in enumerate(rows, start=offset + 1):
        shown = shape(row, now)
        items.append(
            Ranked(
                **shown,
                rank=place,
                window=window,
                views_in_window=getattr(shown["now"], f"views_{window}"),
                sparkline=velocities.get(row["video_id"], []),
            )
        )
    return Top(window=window, as_of=now, items=items, total=found[0]["total"])


@router.get("/{video_id}", summary="A video's virality")
async def virality(video_id: str, here: Here, at_least: MinPosition) -> Virality:
    """Totals, decayed figures as they stood at the newest event and as they are now, and why.

    Of a video whose viewers' own events are not here, what its observed counts say: `source` is
    "snapshots" then, and what counts cannot say is null. `forecast` has that for both.
    """
    topic = None if at_least.position is None else at_least.position.topic
    if topic == ENGAGEMENT.name:
        await at_least.of_offset(here.database, "virality.applied", video_id)
    elif topic == VIDEO_SNAPSHOTS.name:
        await at_least.of_offset(here.database, "virality.forecast_applied", video_id)
    elif topic == VIRALITY_FORECASTS.name:
        await at_least.of(here.database, "forecasts")
    else:
        await at_least.of(here.database, "virality")
    asked = {"id": video_id}
    row = await here.database.one("virality.score", asked)
    forecast = await here.database.one("virality.forecast", asked)
    observed = None if forecast is None else Forecast(**forecast, predicted=predicted(forecast))
    if row is not None:
        return Virality(**shape(row, dt.datetime.now(dt.UTC)), forecast=observed)
    if forecast is None or observed is None:
        raise not_found("scored video", video_id)
    facts = {name: forecast[name] for name in Virality.model_fields if name in forecast}
    return Virality(**facts, source="snapshots", predicted=observed.predicted, forecast=observed)


@router.get("/{video_id}/history", summary="A video over time")
async def history(
    video_id: str,
    here: Here,
    at_least: MinPosition,
    since: Instant | None = None,
    limit: Annotated[int, Query(ge=1, le=2000, description="Newest points.")] = 500,
) -> History:
    """At most a point a minute, oldest first."""
    await at_least.of(here.database, "virality")
    asked = {"id": video_id, "since": since}
    rows = await here.database.all("virality.history", {**asked, "limit": limit})
    total = await here.database.one("virality.history_total", asked)
    if not rows and await here.database.one("virality.score", {"id": video_id}) is None:
        raise not_found("scored video", video_id)
    return History(
        video_id=video_id,
        items=[Moment(**row) for row in rows],
        total=total["total"] if total else 0,
    )


def shape(row: Row, now: dt.datetime) -> dict[str, Any]:
    """A row of `virality_scores` as the fields of `Virality`."""
    at_as_of = {name: row[name] for name in Decayed.model_fields}
    return {
        **{name: row[name] for name in Virality.model_fields if name in row},
        "at_as_of": Decayed(**at_as_of),
        "now": Decayed(**brought_to(at_as_of, (now - row["as_of"]).total_seconds())),
        "burst_z": burst_now(row, now),
        "predicted": predicted(row),
    }


def predicted(row: Row) -> Predicted:
    """The forecast of a row that has one, or nulls."""
    return Predicted(
        **{
            f"at_{age}": Band(
                views=row[f"predicted_views_{age}"],
                lower=row[f"predicted_views_{age}_lower"],
                upper=row[f"predicted_views_{age}_upper"],
            )
            for age in ("24h", "7d", "30d")
        }
    )


def burst_now(row: Row, now: dt.datetime) -> float:
    """`burst_z` brought to now: without events the last hour's views fade first."""
    silent = max((now - row["as_of"]).total_seconds(), 0.0) / HOUR
    lived = math.inf
    if row["since"] is not None:
        lived = (row["as_of"] - row["since"]).total_seconds() / HOUR + silent
    hour, day = (
        row[f"views_{window}"] * math.exp(-silent * HOUR / TIME_CONSTANTS[window])
        for window in ("1h", "24h")
    )
    return float(burst_z(np.array([hour]), np.array([day]), np.array([lived]))[0])


def brought_to(figures: dict[str, float], seconds: float) -> dict[str, float]:
    """Decayed figures after some more seconds without events: each times exp(-seconds / its time
    constant). An event a little ahead of this clock does not make them grow."""
    elapsed = max(seconds, 0.0)
    constants = {"velocity": TIME_CONSTANTS["6h"]} | {
        f"views_{window}": constant for window, constant in TIME_CONSTANTS.items()
    }
    return {name: value * math.exp(-elapsed / constants[name]) for name, value in figures.items()}
