"""The ASGI application: the API's paths, and a back door for tests under `/_local`."""

from __future__ import annotations

import asyncio
import datetime as dt
import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from infra.youtube_local import control, errors, fields
from infra.youtube_local.accounts import Account, Accounts, Fault
from infra.youtube_local.errors import ApiError
from infra.youtube_local.methods import METHODS, Method
from infra.youtube_local.world import World

FAILED_COST = 1  # units: a request that is refused costs something too
BAD_KEY = "invalid"  # a key that begins so is nobody's
OLD_BAD_KEY = "invalid-as-before"  # the same, refused in the older form
_ROOT = "/youtube/v3"


def create_app(world: World, accounts: Accounts) -> Starlette:
    """The application over a world."""

    def route(name: str, method: Method) -> Route:
        async def serve(request: Request) -> Response:
            try:
                return await _answer(world, accounts, name, method, request)
            except ApiError as error:
                return _refusal(error)

        return Route(f"{_ROOT}/{name}", serve, methods=["GET"])

    async def unknown(request: Request, error: Exception) -> Response:
        missing = ApiError(404, "notFound", "Not Found")
        return _refusal(missing)

    return Starlette(
        routes=[
            *(route(name, method) for name, method in METHODS.items()),
            *control.routes(accounts),
        ],
        exception_handlers={404: unknown},
    )


async def _answer(
    world: World, accounts: Accounts, name: str, method: Method, request: Request
) -> Response:
    key = request.query_params.get("key") or request.headers.get("x-goog-api-key")
    if not key:
        raise errors.no_key()
    if key.startswith(OLD_BAD_KEY):
        raise errors.old_bad_key()
    if key.startswith(BAD_KEY):
        raise errors.bad_key()
    account, now = accounts[key], accounts.now(key)
    fault = accounts.fault(key, name)
    account.turn(now)
    if fault is not None:
        await _suffer(fault, account, name, now)
    account.spend(method.cost, name, now)
    try:
        answer = method.answer(world, request.query_params, now)
        shown = request.query_params.get("fields")
        body = fields.only(answer, fields.parse(shown)) if shown else answer
    except ApiError:
        account.refund(method.cost - FAILED_COST)
        raise
    tag = f'"{answer["etag"]}"'
    headers = {"ETag": tag, "Cache-Control": "private"}
    if fault is None and _matches(request, answer["etag"]):
        return Response(status_code=304, headers=headers)
    content = json.dumps(body, ensure_ascii=False, indent=2).encode()
    if fault is not None and fault.kind == "cut":
        return _Cut(content)
    if fault is not None and fault.kind == "garbled":
        content = content[: len(content) // 2]
    return Response(content, media_type="application/json; charset=UTF-8", headers=headers)


async def _suffer(fault: Fault, account: Account, name: str, now: dt.datetime) -> None:
    """Show the faults that come instead of an answer."""
    if fault.kind == "hang":
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "quota":
        raise errors.quota_exceeded()
    elif fault.kind in ("server_error", "rate_limit"):
        account.spend(FAILED_COST, name, now)
        if fault.kind == "rate_limit":
            raise errors.rate_limited()
        raise errors.server_error(fault.status)


def _matches(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")}
    return etag in tags or given.strip() == "*"


def _refusal(error: ApiError) -> Response:
    content = json.dumps(error.body, ensure_ascii=False, indent=2)
    return Response(
        content, error.code, media_type="application/json; charset=UTF-8",
        headers={"Vary": "Origin, X-Origin, Referer"},
    )  # fmt: skip


class _Cut(Response):
    """Half an answer, then the connection is closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content, media_type="application/json; charset=UTF-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise all of it, send half."""
        body = bytes(self.body)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(
            {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        )
