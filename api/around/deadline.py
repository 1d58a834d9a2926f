"""Requests whose answer does not begin in time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError

_STATE = "deadline"


class Deadline:
    """Raises 504 when an answer has not begun after some seconds.

    What has begun goes on: an event stream lasts as long as somebody looks, and a file as long as
    its reader takes.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.seconds) as deadline:
                scope["state"][_STATE] = deadline

                async def begun(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        deadline.reschedule(None)
                    await send(message)

                await self.app(scope, receive, begun)
        except TimeoutError:
            if not deadline.expired():
                raise  # something else was late, and nobody has said what that means
            raise ApiError(
                504,
                "TIMED_OUT",
                f"no answer after {self.seconds:g} s (REQUEST_TIMEOUT_SECONDS). A write may have "
                "happened: send it again with the same Idempotency-Key",
                details={"seconds": self.seconds},
                headers={"Retry-After": "1"},
            ) from None


def allow(request: Request, seconds: float) -> None:
    """Let this request take so long from now on, where that is longer."""
    deadline: asyncio.Timeout = getattr(request.state, _STATE)
    until = asyncio.get_running_loop().time() + seconds
    if (now := deadline.when()) is not None and now < until:
        deadline.reschedule(until)
