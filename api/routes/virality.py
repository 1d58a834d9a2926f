"""What is going viral."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.errors import not_found
from api.positions import MinPosition
from api.routes import V1
from api.services import Here
from api.shapes.paging import Cursor, Offset
from api.shapes.virality import History, Moment, Top, Virality
from api.top_lists import AskedTop
from schemas.catalogue import ENGAGEMENT, VIDEO_SNAPSHOTS, VIRALITY_FORECASTS
from schemas.given import Instant

router = APIRouter(prefix=f"{V1}/virality", tags=["virality"])

Window = Literal["1h", "6h", "24h", "7d"]


@router.get("/top", summary="What is going viral", response_model=Top)
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
    cursor: Cursor = None,
) -> Response:
    """Videos by their views, decayed with the window as time constant and brought to now."""
    await at_least.of(here.database, "virality")
    asked = AskedTop(window, category, min_burst, limit, offset, cursor)
    asked.page()  # a wrong cursor is this request's fault alone
    [body] = await here.top_lists.of([asked])
    return Response(body, media_type="application/json")


@router.get("/{video_id}", summary="A video's virality", response_model=Virality)
async def virality(video_id: str, here: Here, at_least: MinPosition) -> Response:
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
    [body] = await here.scores.of([video_id])
    if body is None:
        raise not_found("scored video", video_id)
    return Response(body, media_type="application/json")


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
    if not rows and await here.database.one("virality.is_scored", {"id": video_id}) is None:
        raise not_found("scored video", video_id)
    return History(
        video_id=video_id,
        items=[Moment(**row) for row in rows],
        total=total["total"] if total else 0,
    )
