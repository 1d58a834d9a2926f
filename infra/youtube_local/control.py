"""The back door: what was spent, faults to come, another time. The platform has none of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.youtube_local.accounts import Account, Accounts, Fault, FaultKind

# The simulated channels go on publishing: centuries ahead there would be too many uploads.
_EARLIEST = dt.datetime(2005, 1, 1, tzinfo=dt.UTC)
_LATEST = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
_FAR = 5 * 365 * 86_400.0  # seconds


class FaultsAsked(BaseModel):
    """Body of `POST /_local/faults`; without a key, everybody's calls go wrong."""

    model_config = ConfigDict(extra="forbid")
    kind: FaultKind
    calls: int = Field(1, ge=1)
    key: str | None = None
    path: str | None = None
    status: int = Field(500, ge=500, le=599)
    seconds: float = Field(3600.0, ge=0)


class QuotaAsked(BaseModel):
    """Body of `POST /_local/quota`."""

    model_config = ConfigDict(extra="forbid")
    key: str
    limit: int | None = Field(None, ge=0)
    spent: int | None = Field(None, ge=0)


class ClockAsked(BaseModel):
    """Body of `POST /_local/clock`: a time to stand still at, or how far ahead to go."""

    model_config = ConfigDict(extra="forbid")
    key: str
    at: AwareDatetime | None = Field(None, ge=_EARLIEST, le=_LATEST)
    ahead_seconds: float = Field(0.0, ge=-_FAR, le=_FAR)


def routes(accounts: Accounts) -> list[Route]:
    """The paths under `/_local`."""

    async def quota(request: Request) -> Response:
        key = request.query_params.get("key")
        if not key:
            return _refused("name the key: /_local/quota?key=...")
        return JSONResponse(_spent(accounts, key))

    async def set_quota(request: Request) -> Response:
        asked = QuotaAsked.model_validate_json(await request.body())
        account = accounts[asked.key]
        account.turn(accounts.now(asked.key))
        if asked.limit is not None:
            account.limit = asked.limit
        if asked.spent is not None:
            account.spent = asked.spent
        return JSONResponse(_spent(accounts, asked.key))

    async def faults(request: Request) -> Response:
        asked = FaultsAsked.model_validate_json(await request.body())
        account = _account(accounts, asked.key)
        account.faults.append(
            Fault(asked.kind, asked.calls, asked.path, asked.status, asked.seconds)
        )
        return JSONResponse({"waiting": len(account.faults)})

    async def calm(request: Request) -> Response:
        _account(accounts, request.query_params.get("key")).faults.clear()
        return JSONResponse({"waiting": 0})

    async def clock(request: Request) -> Response:
        asked = ClockAsked.model_validate_json(await request.body())
        account = accounts[asked.key]
        account.frozen = asked.at
        account.offset = dt.timedelta(seconds=asked.ahead_seconds)
        return JSONResponse({"now": accounts.now(asked.key).isoformat()})

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return [
        Route("/_local/health", health),
        Route("/_local/quota", quota, methods=["GET"]),
        Route("/_local/quota", _checked(set_quota), methods=["POST"]),
        Route("/_local/faults", _checked(faults), methods=["POST"]),
        Route("/_local/faults", calm, methods=["DELETE"]),
        Route("/_local/clock", _checked(clock), methods=["POST"]),
    ]


Handler = Callable[[Request], Awaitable[Response]]


def _checked(handler: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "body"
            return _refused(f"{place}: {first['msg']}")

    return handle


def _account(accounts: Accounts, key: str | None) -> Account:
    return accounts[key] if key else accounts.everybody


def _spent(accounts: Accounts, key: str) -> dict[str, Any]:
    account = accounts[key]
    account.turn(accounts.now(key))
    return {
        "key": key,
        "spent": account.spent,
        "limit": account.limit,
        "calls": account.calls,
        "day": None if account.day is None else account.day.isoformat(),
    }


def _refused(message: str) -> Response:
    return JSONResponse({"error": message}, status_code=400)
