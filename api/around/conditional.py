"""ETags of reads, and 304 for whoever has the answer already (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READING = frozenset({"GET", "HEAD"})
_TAGGED = "/api/"
_JSON = "application/json"
_OF_304 = frozenset(
    {"etag", "cache-control", "content-location", "date", "expires", "vary", "x-event-position"}
)


class Conditional:
    """Gives JSON answers of reads a weak ETag, made of their body, and answers 304 where the client
    has just that. Answers that have an ETag already keep it.

    The tables are asked all the same: what it saves is the way to the client and its reading.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        reads = scope["type"] == "http" and scope["method"] in _READING
        if not reads or not scope["path"].startswith(_TAGGED):
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("if-none-match")
        held: Message | None = None
        silent = False

        async def tagged(message: Message) -> None:
            nonlocal held, silent
            if silent:
                return
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                if message["status"] != 200:
                    await send(message)
                elif "etag" in headers:
                    silent = matches(asked, headers["etag"])
                    await (_unchanged(message, send) if silent else send(message))
                elif scope["method"] == "GET" and headers.get("content-type") == _JSON:
                    held = message  # its body is one message, which follows
                else:
                    await send(message)
                return
            if held is not None:
                start, held = held, None
                etag = etag_of(message.get("body", b""))
                headers = MutableHeaders(scope=start)
                headers["ETag"] = etag
                # It is for whoever asked, and good only as long as we say so.
                headers.setdefault("Cache-Control", "private, no-cache")
                silent = matches(asked, etag)
                if silent:
                    await _unchanged(start, send)
                    return
                await send(start)
            await send(message)

        await self.app(scope, receive, tagged)


def etag_of(body: bytes) -> str:
    """A weak ETag: gzip changes the bytes, and not what they say."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def matches(asked: str | None, etag: str) -> bool:
    """Whether an If-None-Match names an ETag, weak or not."""
    if asked is None:
        return False
    if asked.strip() == "*":
        return True
    wanted = etag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") == wanted for one in asked.split(","))


def unchanged(headers: Mapping[str, str]) -> dict[str, str]:
    """Of the headers of an answer, those that its 304 has."""
    return {name: value for name, value in headers.items() if name.lower() in _OF_304}


async def _unchanged(start: Message, send: Send) -> None:
    headers = unchanged(Headers(raw=start["headers"]))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 304, "headers": raw})
    await send({"type": "http.response.body", "body": b""})
