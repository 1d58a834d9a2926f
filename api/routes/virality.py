"""What is going viral."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from api.database import Row
from api.errors import not_found
from api.positions import MinPosition
from api.routes import V1
from api.services import Here
from api.shapes.paging import Offset
from api.shapes.virality import Band, Decayed, History, Moment, Predicted, Ranked, Top, Virality
from schemas.catalogue import ENGAGEMENT
from streams.virality.decay import TIME_CONSTANTS

router = APIRouter(prefix=f"{V1}/virality", tags=["virality"])

Window = Literal["1h", "6h", "24h", "7d"]

POINTS = 24  # of a sparkline


@router.get("/top", summary="What is going viral")
async def top(
    here: Here,
    at_least: MinPosition,
    window: Window = "24h",
    category: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Offset = 0,
) -> Top:
    """Videos by their views, decayed with the window as time constant and brought to now."""
    await at_least.of(here.database, "virality")
    now = dt.datetime.now(dt.UTC)
    asked = {"window": window, "category": category}
    rows = await here.database.all("virality.top", {**asked, "limit": limit, "offset": offset})
    total = await here.database.one("virality.total", asked)
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
    return Top(window=window, as_of=now, items=items, total=total["total"] if total else 0)


@router.get("/{video_id}", summary="A video's virality")
async def virality(video_id: str, here: Here, at_least: MinPosition) -> Virality:
    """Totals, decayed figures as they stood at the newest event and as they are now, and why."""
    if at_least.position is not None and at_least.position.topic == ENGAGEMENT.name:
        await at_least.of_offset(here.database, "virality.applied", video_id)
    else:
        await at_least.of(here.database, "virality")
    row = await here.database.one("virality.score", {"id": video_id})
    if row is None:
        raise not_found("scored video", video_id)
    return Virality(**shape(row, dt.datetime.now(dt.UTC)))


@router.get("/{video_id}/history", summary="A video over time")
async def history(
    video_id: str,
    here: Here,
    at_least: MinPosition,
    since: dt.datetime | None = None,
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
        "predicted": Predicted(
            **{
                f"at_{age}": Band(
                    views=row[f"predicted_views_{age}"],
                    lower=row[f"predicted_views_{age}_lower"],
                    upper=row[f"predicted_views_{age}_upper"],
                )
                for age in ("24h", "7d", "30d")
            }
        ),
    }


def brought_to(figures: dict[str, float], seconds: float) -> dict[str, float]:
    """Decayed figures after some more seconds without events: each times exp(-seconds / its time
    constant). An event a little ahead of this clock does not make them grow."""
    elapsed = max(seconds, 0.0)
    constants = {"velocity": TIME_CONSTANTS["6h"]} | {
        f"views_{window}": constant for window, constant in TIME_CONSTANTS.items()
    }
    return {name: value * math.exp(-elapsed / constants[name]) for name, value in figures.items()}
