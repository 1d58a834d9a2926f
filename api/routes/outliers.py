"""Videos far above what is usual for their channel."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.positions import MinPosition
from api.routes import V1
from api.services import Here
from api.shapes.channels import Outlier
from api.shapes.paging import Offset, Page

router = APIRouter(prefix=f"{V1}/outliers", tags=["outliers"])


@router.get("", summary="Outliers")
async def outliers(
    here: Here,
    at_least: MinPosition,
    channel_id: str | None = None,
    format: Annotated[Literal["short", "long", "unknown"] | None, Query()] = None,
    min_multiple: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
    since: Annotated[dt.datetime | None, Query(description="Detected at or after.")] = None,
    include_uncertain: Annotated[
        bool, Query(description="Also those that are too recent, or have too little history.")
    ] = False,
    sort: Literal["newest", "multiple"] = "newest",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Offset = 0,
) -> Page[Outlier]:
    """One row for each age at which a video stood out."""
    await at_least.of(here.database, "outliers")
    asked = {
        "channel_id": channel_id,
        "format": format,
        "min_multiple": min_multiple,
        "since": since,
        "uncertain": include_uncertain,
    }
    rows = await here.database.all(
        "outliers.page",
        {**asked, "by_multiple": sort == "multiple", "limit": limit, "offset": offset},
    )
    total = await here.database.one("outliers.total", asked)
    return Page[Outlier](
        items=[Outlier(**row) for row in rows],
        total=total["total"] if total else 0,
        limit=limit,
        offset=offset,
    )
