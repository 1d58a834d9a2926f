"""Channels, what is usual for them, and their videos."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.database import Row
from api.errors import not_found
from api.positions import MinPosition
from api.routes import V1
from api.routes.videos import observed_page
from api.services import Here
from api.shapes.channels import Baseline, Channel, Usual
from api.shapes.paging import Cursor, Keyset, Offset, Page
from api.shapes.videos import ObservedVideo
from schemas.catalogue import VIDEO_SNAPSHOTS

router = APIRouter(prefix=f"{V1}/channels", tags=["channels"])

_ORDERS = {
    order: Keyset(f"channels {order}", subscribers=int, channel_id=str)
    for order in ("subscribers", "channel_id")
}


@router.get("", summary="Channels")
async def channels(
    here: Here,
    at_least: MinPosition,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Offset = 0,
    sort: Annotated[
        Literal["subscribers", "channel_id"],
        Query(description="The most subscribers first; or by id, an order that never changes."),
    ] = "subscribers",
    cursor: Cursor = None,
) -> Page[Channel]:
    """What is known here of them."""
    await at_least.of(here.database, "channels")
    order = _ORDERS[sort]
    rows = await here.database.all(
        "channels.page",
        {
            **order.after(cursor),
            "by_id": sort == "channel_id",
            "limit": limit,
            "offset": 0 if cursor else offset,
        },
    )
    total = await here.database.one("channels.total")
    return Page[Channel](
        items=[Channel(**row) for row in rows],
        total=total["total"] if total else 0,
        limit=limit,
        offset=offset,
        next_cursor=order.cursor(rows, limit),
    )


@router.get("/{channel_id}", summary="A channel")
async def channel(channel_id: str, here: Here, at_least: MinPosition) -> Channel:
    """Its newest counts, and what is known here of it."""
    await at_least.of(here.database, "channels")
    row = await here.database.one("channels.channel", {"id": channel_id})
    if row is None:
        raise not_found("channel", channel_id)
    return Channel(**row)


@router.get("/{channel_id}/baseline", summary="What is usual for a channel")
async def baseline(channel_id: str, here: Here, at_least: MinPosition) -> Baseline:
    """Where and how wide the views of its next video are expected, by format and age."""
    if at_least.position is not None and at_least.position.topic == VIDEO_SNAPSHOTS.name:
        await at_least.of_offset(here.database, "channels.baseline_applied", channel_id)
    else:
        await at_least.of(here.database, "channels")
    row = await here.database.one("channels.baseline", {"id": channel_id})
    if row is None:
        raise not_found("channel with a baseline", channel_id)
    row["baselines"] = [_usual(usual) for usual in row["baselines"]]
    return Baseline(**row)


def _usual(entry: Row) -> Usual:
    """An entry of `channels.baselines`; a scale of 0 is one that nobody has said."""
    known = entry["df"] > 0
    return Usual(
        **{name: entry[name] for name in ("format", "age_from_h", "n")},
        median_views=max(10 ** entry["median_log10_views"] - 1, 0.0),
        median_log10_views=entry["median_log10_views"],
        mad_log10_views=entry["mad_log10_views"],
        scale_log10=entry["scale_log10"] if known else None,
        df=entry["df"] if known else None,
    )


@router.get("/{channel_id}/videos", summary="A channel's videos")
async def videos(
    channel_id: str,
    here: Here,
    at_least: MinPosition,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Page[ObservedVideo]:
    """Newest first."""
    await at_least.of(here.database, "videos")
    page = await observed_page(here, channel_id, limit=limit, offset=offset, cursor=cursor)
    if not page.total and await here.database.one("channels.channel", {"id": channel_id}) is None:
        raise not_found("channel", channel_id)
    return page
