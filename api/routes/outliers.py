"""Videos far above what is usual for their channel, shifts of what is usual, and niches."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from api.database import Row
from api.familiar import AROUND, LONGEST_SHORT_S, OTHERS, familiar
from api.positions import MinPosition
from api.routes import V1
from api.services import Here
from api.shapes.outliers import NicheFound, Outlier, OutlierPage, Shift
from api.shapes.paging import Cursor, Keyset, Offset, Page, instant
from schemas.given import Instant

router = APIRouter(prefix=f"{V1}/outliers", tags=["outliers"])

Limit = Annotated[int, Query(ge=1, le=500)]
FDR_REACH = dt.timedelta(days=30)

_DETECTIONS = {
    order: Keyset(
        f"outliers {order}", multiple=float, detected_at=instant, video_id=str, event_id=str
    )
    for order in ("newest", "multiple")
}
_SHIFTS = Keyset("shifts", detected_at=instant, channel_id=str, event_id=str)
_NICHES = {
    order: Keyset(f"niches {order}", newest_at=instant, niche_id=str)
    for order in ("newest", "niche_id")
}

Since = Annotated[Instant | None, Query(description="Detected at or after.")]


@router.get("", summary="Outliers")
async def outliers(
    here: Here,
    at_least: MinPosition,
    channel_id: str | None = None,
    format: Annotated[Literal["short", "long", "unknown"] | None, Query()] = None,
    min_multiple: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
    max_probability: Annotated[
        float | None, Query(ge=0, le=1, description="Largest tail probability.")
    ] = None,
    fdr: Annotated[
        float | None,
        Query(
            ge=0,
            le=1,
            description="Only each day's discoveries at this false discovery rate; without `since` "
            f"of the {FDR_REACH.days} days up to the newest detection (of the channel, if one is "
            "given).",
        ),
    ] = None,
    since: Since = None,
    include_uncertain: Annotated[
        bool, Query(description="Also those that are too recent, or have too little history.")
    ] = False,
    verdict: Annotated[
        Literal["outlier", "retracted", "confirmed"],
        Query(
            description="Those that stand; those that were taken back; or doubtful ones whose "
            "place one without doubts has taken."
        ),
    ] = "outlier",
    include_retracted: Annotated[
        bool, Query(description="Also those that were taken back.")
    ] = False,
    sort: Literal["newest", "multiple"] = "newest",
    limit: Limit = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> OutlierPage:
    """Each time that a video became an outlier, with the familiar figures beside the tested one."""
    await at_least.of(here.database, "outliers")
    if fdr is not None and since is None:
        newest = await here.database.one("outliers.newest", {"channel_id": channel_id})
        since = newest["at"] - FDR_REACH if newest and newest["at"] else None
    asked = {
        "channel_id": channel_id,
        "format": format,
        "min_multiple": min_multiple,
        "max_probability": max_probability,
        "since": since,
        "uncertain": include_uncertain or verdict == "confirmed",  # they all had doubts
        "standing": verdict == "outlier",
        "retracted": include_retracted or verdict == "retracted",
        "confirmed": verdict == "confirmed",
        **await _discovered(here, fdr, since, channel_id),
    }
    order = _DETECTIONS[sort]
    rows = await here.database.all(
        "outliers.page",
        {
            **asked,
            **order.after(cursor),
            "by_multiple": sort == "multiple",
            "limit": limit,
            "offset": offset if cursor is None else 0,
        },
    )
    total = await here.database.one("outliers.total", asked)
    return OutlierPage(
        items=await _shaped(here, rows),
        total=total["total"] if total else 0,
        limit=limit,
        offset=offset,
        next_cursor=order.cursor(rows, limit),
    )


@router.get("/shifts", summary="Baseline shifts")
async def shifts(
    here: Here,
    at_least: MinPosition,
    channel_id: str | None = None,
    measure: Literal["videos", "channel"] | None = None,
    direction: Literal["up", "down"] | None = None,
    since: Since = None,
    limit: Limit = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Page[Shift]:
    """Channels whose usual views have changed, newest first: not by one hit, but by many videos
    or days."""
    await at_least.of(here.database, "shifts")
    asked = {
        "channel_id": channel_id,
        "measure": measure,
        "direction": direction,
        "since": since,
    }
    rows = await here.database.all(
        "outliers.shifts",
        {
            **asked,
            **_SHIFTS.after(cursor),
            "limit": limit,
            "offset": offset if cursor is None else 0,
        },
    )
    total = await here.database.one("outliers.shifts_total", asked)
    return Page[Shift](
        items=[Shift(**row) for row in rows],
        total=total["total"] if total else 0,
        limit=limit,
        offset=offset,
        next_cursor=_SHIFTS.cursor(rows, limit),
    )


@router.get("/niches", summary="Niches")
async def niches(
    here: Here,
    at_least: MinPosition,
    channel_id: str | None = None,
    since: Annotated[Instant | None, Query(description="With a detection at or after.")] = None,
    include_closed: Annotated[bool, Query(description="Also those that fell apart.")] = False,
    sort: Annotated[
        Literal["newest", "niche_id"],
        Query(description="By the newest detection; or by id, an order that never changes."),
    ] = "newest",
    limit: Limit = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Page[NicheFound]:
    """Topics in which at least three independent channels have outliers."""
    await at_least.of(here.database, "niches")
    asked = {"channel_id": channel_id, "since": since, "closed": include_closed}
    order = _NICHES[sort]
    rows = await here.database.all(
        "outliers.niches",
        {
            **asked,
            **order.after(cursor),
            "by_id": sort == "niche_id",
            "limit": limit,
            "offset": offset if cursor is None else 0,
        },
    )
    total = await here.database.one("outliers.niches_total", asked)
    return Page[NicheFound](
        items=[NicheFound(**row) for row in rows],
        total=total["total"] if total else 0,
        limit=limit,
        offset=offset,
        next_cursor=order.cursor(rows, limit),
    )


async def _discovered(
    here: Here, fdr: float | None, since: dt.datetime | None, channel_id: str | None
) -> dict[str, Any]:
    """The largest probability of each day that is still a discovery at the rate asked for."""
    if fdr is None:
        return {"fdr_days": None, "fdr_ps": None}
    if since is None:  # there are no detections
        return {"fdr_days": [], "fdr_ps": []}
    days = await here.database.all("outliers.days", {"since": since, "channel_id": channel_id})
    rows = await here.database.all("outliers.q_values", {"days": [row["day"] for row in days]})
    largest: dict[dt.date, float] = {}
    for row in rows:
        if row["q"] <= fdr:
            largest[row["day"]] = max(row["p"], largest.get(row["day"], 0.0))
    return {"fdr_days": list(largest), "fdr_ps": list(largest.values())}


async def _shaped(here: Here, rows: list[Row]) -> list[Outlier]:
    """Rows of `outliers.page` with their q-values and familiar figures."""
    if not rows:
        return []
    days = sorted({row["day"] for row in rows})
    found = await here.database.all("outliers.q_values", {"days": days})
    q_values: defaultdict[dt.date, list[tuple[float, float]]] = defaultdict(list)
    for one in found:
        q_values[one["day"]].append((one["p"], one["q"]))
    for pairs in q_values.values():
        pairs.sort()
    counts = {
        row["video_id"]: row
        for row in await here.database.all(
            "outliers.familiar",
            {
                "ids": sorted({row["video_id"] for row in rows}),
                "short_s": LONGEST_SHORT_S,
                "others": OTHERS,
                "around": AROUND,
            },
        )
    }
    items = []
    for row in rows:
        figures, reasons = familiar(counts.get(row["video_id"]))
        q_value = None
        if row["retracted_at"] is not None:
            reasons["q_value"] = "the detection was taken back"
        elif row["day"] not in q_values:
            reasons["q_value"] = "how many videos were judged that day is not known of all channels"
        else:
            q_value = _q_of(row["tail_probability"], q_values[row["day"]])
        verdict = "outlier" if row["confirmed_by"] is None else "confirmed"
        if row["retracted_at"] is not None:
            verdict = "retracted"
        items.append(
            Outlier(**row, **figures, verdict=verdict, q_value=q_value, not_computed=reasons)
        )
    return items


def _q_of(p: float, pairs: list[tuple[float, float]]) -> float:
    """The q-value of a detection.

    Args:
        pairs: p and q of the day's discoveries, ascending.
    """
    # One that is not its video's smallest p of the day has the next larger one's q at most.
    at = bisect_left(pairs, (p, 0.0))
    return pairs[at][1] if at < len(pairs) else 1.0
