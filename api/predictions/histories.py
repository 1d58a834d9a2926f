"""Earlier videos of channels, as the tables know them."""

from __future__ import annotations

from collections.abc import Sequence

from api.database import Database, Row
from api.predictions.asked import Asked
from streams.virality.moments import HISTORY_VIDEOS


async def histories(database: Database, asked: Sequence[Asked]) -> list[list[Row]]:
    """Of each one's channel, as `EARLIER_VIDEO` has them, oldest first; none without a channel.

    Raises:
        psycopg.OperationalError, PoolTimeout: the server is away.
    """
    found: list[list[Row]] = [[] for _ in asked]
    named = [(number, one) for number, one in enumerate(asked) if one.channel_id is not None]
    if not named:
        return found
    rows = await database.all(
        "predictions.histories",
        {
            "numbers": [number for number, _ in named],
            "channels": [one.channel_id for _, one in named],
            "videos": [one.request.video_id for _, one in named],
            "published": [one.published_at for _, one in named],
            "until": [one.history_until for _, one in named],
            "most": HISTORY_VIDEOS,
        },
    )
    for row in rows:
        found[row.pop("number")].append(row)
    return found
