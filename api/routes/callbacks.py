"""Callbacks of providers: they come from outside, without the API's key."""

from __future__ import annotations

import datetime as dt

import structlog
from fastapi import APIRouter, Request

from api.errors import ApiError, not_found, too_large
from api.routes import V1
from api.services import Here
from streams.generation.providers.callbacks import (
    CALLBACK_MAX,
    ForgedError,
    UnknownProviderError,
    UnreadableError,
    heard,
)
from streams.generation.providers.waking import tell

router = APIRouter(prefix=f"{V1}/providers", tags=["providers"])

log = structlog.get_logger()


@router.post("/{provider}/callback", status_code=204, summary="A provider calls back")
async def callback(provider: str, request: Request, here: Here, token: str | None = None) -> None:
    """Signed, or at the address that the provider was given. It is never believed: whoever waits
    for that work asks the provider at once instead of a little later."""
    body = await request.body()
    if len(body) > CALLBACK_MAX:
        raise too_large(CALLBACK_MAX)
    now = dt.datetime.now(dt.UTC)
    try:
        work = heard(here.settings, provider, request.headers, token, body, now)
    except UnknownProviderError:
        raise not_found("provider", provider) from None
    except ForgedError as error:
        log.warning("callback refused", provider=provider, reason=str(error))
        raise ApiError(403, "FORBIDDEN", f"nothing shows that {provider} sent this") from None
    except UnreadableError as error:
        raise ApiError(400, "VALIDATION_ERROR", f"validation error: body: {error}") from None
    await tell(here.database.pool, work)
