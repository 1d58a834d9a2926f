"""A forecast whose only purpose is to see whether there are forecasts."""

from __future__ import annotations

import asyncio
import datetime as dt

from api.predictions.desk import Desk, Forecast

PROBE_SECONDS = 2.0  # a model that takes longer counts as away

_AT = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
_MOMENT = {
    "at": _AT,
    "published_at": _AT,
    "title": "Is anybody there",
    "duration_s": 60,
    "history": [],
    "observed": [],
}


async def probe(desk: Desk) -> Forecast:
    """The forecast of a video that does not exist.

    Raises:
        Exception: whatever the model raised; TimeoutError: it took too long.
    """
    async with asyncio.timeout(PROBE_SECONDS):
        [found] = await desk.forecast([_MOMENT])
    if isinstance(found, Exception):
        raise found
    return found
