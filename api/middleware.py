"""What happens around every request: its id, its time, and its last resort."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import refuse, translate
from api.metrics import Metrics

log = structlog.get_logger()

# What may come back in a header and into the log: nothing that could forge a line of either.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")


class RequestContext:
    """Gives a request its id and measures it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["type"] == "websocket":
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        def measured() -> None:
            self.metrics.observe(
                scope["method"], endpoint(scope), status, time.perf_counter() - started
            )

        streaming = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, streaming
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                if headers.get("content-type", "").startswith("text/event-stream"):
                    # Its length is how long somebody looked at a page, not how long we took.
                    streaming = True
                    measured()
            await send(message)

        self.metrics.active.inc()
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self.app(scope, receive, send_with_id)
        finally:
            self.metrics.active.dec()
            if not streaming:
                measured()


class LastResort:
    """Turns whatever was not caught into the envelope."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        except Exception as error:
            found = translate(error)
            if begun:  # half an answer is out already: cut it off, do not lengthen it
                raise
            await refuse(found, scope, receive, send)


def endpoint(scope: Scope) -> str:
    """The route's template, so that ids in paths do not become labels."""
    if scope["path"].startswith("/static/"):
        return "/static"
    template = getattr(scope.get("route"), "path_format", None)
    return template if isinstance(template, str) else "unmatched"


def _request_id(given: str | None) -> str:
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return str(uuid.uuid4())
