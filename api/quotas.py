"""Quotas, as far as they are known before a request is in the log.

The dispatcher has the last word: what is on its way to it is not counted here yet.
"""

from __future__ import annotations

import datetime as dt

import psycopg

from api.errors import ApiError
from api.services import Services
from streams.generation.quotas import ledger
from streams.generation.quotas.limits import Quotas, Usage, UsedUp


async def refuse_if_used_up(here: Services, user_id: str) -> None:
    """Refuse a request whose job would fail at once.

    Raises:
        ApiError: 429: the user's quota of jobs is used up; it says until when.
    """
    quotas = Quotas.of(here.settings)
    if not quotas.limited:
        return
    now = dt.datetime.now(dt.UTC)
    try:
        async with here.database.pool.connection() as conn:
            usage = (await ledger.used(conn, [user_id], now)).get(user_id, Usage())
    except psycopg.Error:
        return  # the log takes the request all the same, and the dispatcher decides
    used_up = quotas.used_up(usage, now)
    if used_up is not None:
        raise _exceeded(used_up, now)


def _exceeded(used_up: UsedUp, now: dt.datetime) -> ApiError:
    return ApiError(
        429,
        "QUOTA_EXCEEDED",
        used_up.reason,
        details={
            "period": used_up.period,
            "used": used_up.used,
            "limit": used_up.limit,
            "resets_at": used_up.resets_at,
        },
        headers={"Retry-After": str(int((used_up.resets_at - now).total_seconds()) + 1)},
    )
