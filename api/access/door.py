"""The door: before routing and before the body is read, who asks, and whether they may.

A stranger learns nothing of addresses or bodies. Behind the door the request's state has
`principal`, and a WebSocket's also `asker`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.access.guide import Found, Guide
from api.access.proving import Verifies, nobody, of_cookie, of_key
from api.errors import ApiError, envelope, translate
from api.security import Keys, offered_key
from api.users import as_meant, speaking_for
from api.websockets.credentials import (
    KEY,
    USER,
    ClosedDoorError,
    carried,
    chosen_protocol,
    held_length,
    is_own_page,
    refused,
)
from streams.identity.principal import PAGE, Principal

GUARDED = "/api/"  # also where nothing is

log = structlog.get_logger()


class Door:
    """Lets a request through that the table allows.

    Args:
        guide: the rule of every route.
        keys: the installation's own.
        verifier: of an application's scope, what knows users' keys and tokens.
    """

    def __init__(
        self, app: ASGIApp, guide: Guide, keys: Keys, verifier: Callable[[Scope], Verifies]
    ) -> None:
        self.app = app
        self.guide = guide
        self.keys = keys
        self.verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            found = self.guide.find(scope)
            if _is_closed(scope, found):
                try:
                    await self._admit_request(scope, found)
                except ApiError as refusal:
                    await _answer(refusal, scope, receive, send)
                    return
        elif scope["type"] == "websocket":
            found = self.guide.find(scope)
            if _is_closed(scope, found):
                websocket = WebSocket(scope, receive, send)
                try:
                    await self._admit_listener(websocket, found)
                except Exception as error:
                    await _close(websocket, error)
                    return
        await self.app(scope, receive, send)

    async def _admit_request(self, scope: Scope, found: Found | None) -> None:
        connection = HTTPConnection(scope)
        offered = offered_key(connection.headers)
        who = await self._principal(connection, offered)
        named = connection.headers.get("x-user-id")
        user = None if named is None else as_meant(named)
        _hold(found, who, scope["method"], user)
        speaking_for(who, user)
        connection.state.principal = who

    async def _admit_listener(self, websocket: WebSocket, found: Found | None) -> None:
        offered = offered_key(websocket.headers)
        if offered is None:
            offered = carried(websocket, KEY)
        who = await self._principal(websocket, offered)
        if who.credential == PAGE and not is_own_page(websocket):
            raise nobody()
        named = websocket.headers.get("x-user-id")
        user = carried(websocket, USER) if named is None else as_meant(named)
        held_length(user)
        _hold(found, who, "GET", user)
        websocket.state.principal = who
        websocket.state.asker = speaking_for(who, user)

    async def _principal(self, connection: HTTPConnection, offered: str | None) -> Principal:
        if offered is None:
            return of_cookie(connection, self.keys)
        return await of_key(offered, self.keys, self.verifier(connection.scope))


def _is_closed(scope: Scope, found: Found | None) -> bool:
    """Whether somebody has to say who they are."""
    if found is None:
        return str(scope["path"]).startswith(GUARDED)
    return found.rule.role is not None


def _hold(found: Found | None, who: Principal, method: str, user: str | None) -> None:
    if found is None:
        return  # the router says what is wrong with the address
    refusal = found.rule.refusal(who, method, found.params, named=user is not None)
    if refusal is not None:
        raise refusal


async def _answer(refusal: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    state: Mapping[str, Any] = scope["state"]
    response = envelope(
        state["request_id"],
        refusal.status,
        refusal.code,
        refusal.message,
        refusal.details,
        refusal.headers,
    )
    await response(scope, receive, send)


async def _close(websocket: WebSocket, error: Exception) -> None:
    """Accept and close at once: of a refused handshake a browser does not see why."""
    closed = error if isinstance(error, ClosedDoorError) else refused(translate(error))
    try:
        await websocket.accept(chosen_protocol(websocket))
        await websocket.close(closed.code, closed.reason)
    except (WebSocketDisconnect, RuntimeError):
        log.debug("a listener went before it was told why it may not listen")
