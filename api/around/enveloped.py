"""Errors that a library answers in its own words come in the envelope as well."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, refuse

_PLAIN = "text/plain"
_KEPT = ("allow", "retry-after", "vary", "x-request-id")
_OVERLOADED = frozenset({1012, 1013})  # close codes: the server stops, or is full


class Enveloped:
    """Turns a plain text with a status from 400 on into the envelope, and a WebSocket that is
    closed before it was accepted into an answer that says why."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        opened = False
        told: ApiError | None = None

        async def turned(message: Message) -> None:
            nonlocal opened, told
            kind = message["type"]
            if told is not None:
                if kind.endswith("http.response.body") and not message.get("more_body", False):
                    if text := message.get("body", b"").decode(errors="replace"):
                        told.message = text[:1].lower() + text[1:]
                    await refuse(told, scope, receive, send)
                return
            if kind == "websocket.close" and not opened:
                opened = True
                await refuse(_of_handshake(scope, message), scope, receive, send)
                return
            if kind.endswith("http.response.start") and not opened:
                headers = Headers(raw=message["headers"])
                plain = headers.get("content-type", "").startswith(_PLAIN)
                if message["status"] >= 400 and plain:
                    told = _of_status(message["status"], headers)
                    return
            opened = True
            await send(message)

        await self.app(scope, receive, turned)


def _of_status(status: int, headers: Headers) -> ApiError:
    kept = {name: headers[name] for name in headers if _is_kept(name)}
    known = HTTPStatus(status)
    return ApiError(status, known.name, known.description or known.phrase, headers=kept)


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith("access-control-")


def _of_handshake(scope: Scope, message: Message) -> ApiError:
    """Why a WebSocket is not opened: mostly there is none at its address."""
    if "endpoint" not in scope:
        return ApiError(404, "NOT_FOUND", "there is no WebSocket at this address")
    reason = message.get("reason") or "this WebSocket is not opened"
    if message.get("code") in _OVERLOADED:
        return ApiError(503, "SERVICE_UNAVAILABLE", reason, headers={"Retry-After": "1"})
    return ApiError(403, "FORBIDDEN", reason)
