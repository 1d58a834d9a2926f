"""Bodies that are too large are refused before they fill the memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTooLargeError, refuse, too_large

LARGEST_BODY = 8 * 1024 * 1024  # bytes
# Closing on a client that still sends takes the answer with it. So much is read, and thrown away,
# for it to hear what is wrong.
_DRAINED = 8 * LARGEST_BODY


class BodyLimit:
    """Refuses by the announced length, or, where none is announced, once too much has come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > LARGEST_BODY:
            error = too_large(LARGEST_BODY)
            error.headers = await _drain(receive)
            await refuse(error, scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise BodyTooLargeError(LARGEST_BODY)
            return message

        await self.app(scope, counted, send)


async def _drain(receive: Receive) -> dict[str, str]:
    """Throw a body away; the headers that the answer needs then."""
    drained = 0
    while drained <= _DRAINED:
        message = await receive()
        drained += len(message.get("body", b""))
        if not message.get("more_body", False):
            return {}
    # What is still on its way would be read as the next request.
    return {"Connection": "close"}
