"""A client that costs the machine little beside the server it measures: HTTP/1.1, kept alive.

Requests are bytes made beforehand; of an answer the status and the body's length are looked at.
Latency at a steady rate is counted from the instant at which a request was due, so a server that
stalls is charged for those that queue up behind (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httptools
import numpy as np


class Connection(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.body = b""

    def connection_made(self, transport: Any) -> None:
        """Keep what is written to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed by the server"))

    def on_message_begin(self) -> None:
        """An answer begins."""
        self.body = b""

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self.body += body

    def on_message_complete(self) -> None:
        """It is whole."""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(self._parser.get_status_code())
        self._parser = httptools.HttpResponseParser(self)

    async def ask(self, request: bytes) -> int:
        """The status of the answer.

        Raises:
            OSError: the connection has gone.
        """
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


def request_bytes(
    url: str, path: str, key: str, *, method: str = "GET", body: bytes | None = None
) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"X-API-Key: {key}"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


async def connected(url: str, count: int) -> list[Connection]:
    """So many connections to a server."""
    loop, place = asyncio.get_running_loop(), urlsplit(url)
    return [
        (await loop.create_connection(Connection, place.hostname or "", place.port or 80))[1]
        for _ in range(count)
    ]


async def steady(
    url: str, request: Callable[[int], bytes], *, rate: float, seconds: float, connections: int
) -> dict[str, Any]:
    """Ask at a rate, as many clients that do not wait for each other do."""
    free = deque(await connected(url, connections))
    everyone, waits, wrong = list(free), [], 0
    count = int(rate * seconds)
    waiting: deque[int] = deque()
    begin = time.perf_counter() + 0.1
    done = asyncio.Event()

    async def serve(connection: Connection) -> None:
        nonlocal wrong
        while waiting:
            number = waiting.popleft()
            status = await connection.ask(request(number))
            wrong += status >= 300  # not in one with the wait: others count meanwhile
            waits.append(time.perf_counter() - begin - number / rate)
        free.append(connection)
        if len(waits) == count:
            done.set()

    tasks = set()
    for number in range(count):
        due = begin + number / rate
        pause = due - time.perf_counter()
        if pause > 0.001:
            await asyncio.sleep(pause)
        waiting.append(number)
        if free:
            task = asyncio.create_task(serve(free.popleft()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        elif number % 64 == 0:
            await asyncio.sleep(0)
    await asyncio.wait_for(done.wait(), 60)
    took = time.perf_counter() - begin
    for connection in everyone:
        connection.close()
    return figures(waits, took, wrong)


async def busy(
    url: str, request: Callable[[int], bytes], *, seconds: float, connections: int
) -> dict[str, Any]:
    """Ask as fast as answers come, over so many connections."""
    everyone, waits, wrong = await connected(url, connections), [], 0
    numbers = iter(range(1 << 62))
    begin = time.perf_counter()

    async def serve(connection: Connection) -> None:
        nonlocal wrong
        while (asked := time.perf_counter()) < begin + seconds:
            status = await connection.ask(request(next(numbers)))
            wrong += status >= 300
            waits.append(time.perf_counter() - asked)
        connection.close()

    await asyncio.gather(*(serve(connection) for connection in everyone))
    return figures(waits, time.perf_counter() - begin, wrong)


def figures(waits: list[float], seconds: float, wrong: int) -> dict[str, Any]:
    """What is told of a run: latencies in milliseconds, answers a second, wrong answers."""
    p50, p95, p99 = (np.quantile(waits, (0.5, 0.95, 0.99)) * 1000).round(2).tolist()
    return {
        "events": len(waits),
        "seconds": round(seconds, 3),
        "per_second": round(len(waits) / seconds, 1),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": round(max(waits) * 1000, 2),
        "wrong": wrong,
    }
