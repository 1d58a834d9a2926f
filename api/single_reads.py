"""One video at a time, read for all who ask at one moment: a statement costs by the call.

Answers are made here once, as the bytes that are sent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from api.database import Database
from api.scored import forecast_of, observed, scored
from api.shapes.videos import ObservedVideo
from api.shapes.virality import Virality


async def scores(database: Database, ids: Sequence[str]) -> list[bytes | None]:
    """`Virality` of each video as JSON; None where there is neither score nor forecast."""
    asked = {"ids": list(set(ids))}
    rows = await database.all("virality.scores", asked)
    forecasts = {row["video_id"]: row for row in await database.all("virality.forecasts", asked)}
    found = {}
    for row, facts in zip(rows, scored(rows, dt.datetime.now(dt.UTC)), strict=True):
        known = forecasts.pop(row["video_id"], None)
        forecast = None if known is None else forecast_of(known)
        found[row["video_id"]] = Virality(**facts, forecast=forecast)
    for video_id, row in forecasts.items():
        found[video_id] = Virality(**observed(row))
    bodies = {video_id: one.model_dump_json().encode() for video_id, one in found.items()}
    return [bodies.get(video_id) for video_id in ids]


async def videos(database: Database, ids: Sequence[str]) -> list[bytes | None]:
    """`ObservedVideo` of each video as JSON; None where it was never observed."""
    rows = await database.all("videos.by_ids", {"ids": list(set(ids))})
    bodies = {row["video_id"]: ObservedVideo(**row).model_dump_json().encode() for row in rows}
    return [bodies.get(video_id) for video_id in ids]
