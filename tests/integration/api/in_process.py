"""The application in this process, without a server: what it answers first, and no more of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote

from fastapi import FastAPI

T = TypeVar("T")

WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """The beginning of an answer; of a WebSocket its close code, or 101 where it tells."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self) -> str:
        """The envelope's `error_code`."""
        return str(json.loads(self.body)["error_code"])


class InProcess:
    """Asks an application that has started."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self._loop = loop

    def run(self, wanted: Coroutine[Any, Any, T]) -> T:
        """Run something on the application's event loop."""
        return self._loop.run_until_complete(asyncio.wait_for(wanted, WAIT_SECONDS))

    def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """A request; `WS` for a WebSocket. A stream is let go once it has begun."""
        if method == "WS":
            return self.run(self._listen(url, headers or {}))
        return self.run(self._ask(method, url, headers or {}, body))

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        sent = b"" if body is None else json.dumps(body).encode()
        scope = _scope("http", url, {"content-type": "application/json", **headers})
        scope["method"] = method
        begun: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        asked = iter([{"type": "http.request", "body": sent, "more_body": False}])

        async def receive() -> Any:
            for message in asked:
                return message
            return await asyncio.Future()

        working = asyncio.create_task(self.app(scope, receive, begun.put))  # type: ignore[arg-type]
        try:
            start = await _first(begun, working)
            found = {name.decode(): value.decode() for name, value in start["headers"]}
            text = b""
            while not found.get("content-type", "").startswith("text/event-stream"):
                message = await _first(begun, working)
                text += message.get("body", b"")
                if not message.get("more_body", False):
                    break
            return Answer(start["status"], found, text)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _listen(self, url: str, headers: Mapping[str, str]) -> Answer:
        scope = _scope("websocket", url, headers)
        offered = headers.get("sec-websocket-protocol", "")
        scope["subprotocols"] = [name.strip() for name in offered.split(",") if name]
        begun: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        asked = iter([{"type": "websocket.connect"}])

        async def receive() -> Any:
            for message in asked:
                return message
            return await asyncio.Future()

        working = asyncio.create_task(self.app(scope, receive, begun.put))  # type: ignore[arg-type]
        try:
            while True:
                message = await _first(begun, working)
                if message["type"] == "websocket.accept" and url.endswith("/ws"):
                    # A list of nothing says nothing; a door that stays shut closes at once.
                    await asyncio.sleep(0.05)
                    if begun.empty():
                        return Answer(101)
                if message["type"] == "websocket.close":
                    return Answer(message["code"], body=message.get("reason", "").encode())
                if message["type"] == "websocket.send":
                    return Answer(101, body=message["text"].encode())
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


@contextmanager
def started(app: FastAPI) -> Iterator[InProcess]:
    """An application between its start and its end."""
    loop = asyncio.new_event_loop()
    context = app.router.lifespan_context(app)
    try:
        loop.run_until_complete(context.__aenter__())
        yield InProcess(app, loop)
        loop.run_until_complete(context.__aexit__(None, None, None))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def _scope(kind: str, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    path, _, query = url.partition("?")
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if kind == "websocket" else "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"host": "localhost", **headers}.items()
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
    }


async def _first(
    messages: asyncio.Queue[dict[str, Any]], working: asyncio.Task[Any]
) -> dict[str, Any]:
    """The next message of an application; what it raises, if it ends without one."""
    getting = asyncio.create_task(messages.get())
    await asyncio.wait({getting, working}, return_when=asyncio.FIRST_COMPLETED)
    if getting.done():
        return getting.result()
    getting.cancel()
    if messages.empty():
        await working
        raise AssertionError("the application ended without an answer")
    return messages.get_nowait()
