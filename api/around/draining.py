"""How a process stops: it says so, ends what it has begun, and lets its listeners go."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()


class Drain:
    """Whether this process is about to stop."""

    def __init__(self) -> None:
        self.begun = False
        self._release: list[Callable[[], None]] = []

    def begin(self) -> None:
        """From now on it is not ready, and connections are not kept."""
        self.begun = True

    def on_release(self, release: Callable[[], None]) -> None:
        """Call that when the listeners have to go."""
        self._release.append(release)

    def release(self) -> None:
        """End what would never end by itself."""
        for release in self._release:
            release()


class Draining:
    """Asks clients to come back by another connection, which leads to another process."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self.app = app
        self.drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if self.drain.begun and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self.app(scope, receive, send_last)
