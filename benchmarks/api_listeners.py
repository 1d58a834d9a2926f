"""Many open event streams at one API, from a process of their own, until it is told to stop.

Run as a module with {"api", "key", "listeners"} as JSON. Prints "open" when every stream has said
hello, and, when its input ends, {"events", "seconds", "dropped"}: updates that were heard, and
streams that were closed meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import uvloop

from benchmarks.http_load import request_bytes

_AT_ONCE = 50  # connections that are made at a time


class Stream(asyncio.Protocol):
    """One listener: counts what it hears."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.hello = asyncio.get_running_loop().create_future()
        self.events = 0
        self.closed = False

    def connection_made(self, transport: Any) -> None:
        """Ask for the stream."""
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count events."""
        self.events += data.count(b"event: ")
        if not self.hello.done() and b"event: hello" in data:
            self.hello.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """The server has ended it."""
        self.closed = True


async def listened(api: str, key: str, listeners: int) -> dict[str, Any]:
    """What so many listeners hear until the input ends."""
    loop, place = asyncio.get_running_loop(), urlsplit(api)
    request = request_bytes(api, "/api/v1/live", key)
    streams: list[Stream] = []
    for first in range(0, listeners, _AT_ONCE):
        made = [
            (
                await loop.create_connection(
                    lambda: Stream(request), place.hostname or "", place.port or 80
                )
            )[1]
            for _ in range(min(_AT_ONCE, listeners - first))
        ]
        await asyncio.wait_for(asyncio.gather(*(stream.hello for stream in made)), 60)
        streams += made
    begin, before = time.perf_counter(), sum(stream.events for stream in streams)
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    return {
        "events": sum(stream.events for stream in streams) - before,
        "seconds": round(time.perf_counter() - begin, 1),
        "dropped": sum(stream.closed for stream in streams),
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(listened(**json.loads(sys.argv[1])))))
