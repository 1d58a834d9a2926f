"""Asks for predictions at a steady rate, as many clients that do not wait for each other do.

Run as a module with {"api", "key", "rate", "seconds", "channels"} as JSON. Latency is counted from
the instant at which a request was due, so a server that stalls is charged for those that queue up
behind (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import numpy as np

_CONNECTIONS = 100
_WARM_UP_S = 5.0

_TOPICS = ("sourdough", "football", "a small engine", "the night train", "chess", "old radios")


def request(number: int, channels: list[str]) -> dict[str, Any]:
    """The request of that number: no two are the same."""
    topic = _TOPICS[number % len(_TOPICS)]
    return {
        "title": f"How {topic} works, part {number}",
        "duration": 30 + number % 3000,
        "upload_date": f"2026-0{1 + number % 9}-{1 + number % 28:02}",
        "upload_time": f"{number % 24:02}:{number % 60:02}",
        "description": f"All about {topic}. https://example.com/{number} " * (1 + number % 9),
        "tags": f"{topic}, explained, {number}",
        "category": str((10, 17, 20, 22, 24, 26, 27, 28)[number % 8]),
        **({"channel_id": channels[number % len(channels)]} if channels else {}),
    }


async def asked(arguments: dict[str, Any], rate: float, seconds: float, first: int) -> list[float]:
    """Latencies in seconds; a request that fails ends the run."""
    headers = {"Authorization": f"Bearer {arguments['key']}"}
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=2.0)
    async with aiohttp.ClientSession(
        arguments["api"], headers=headers, connector=connector, raise_for_status=True
    ) as client:
        begin = time.perf_counter() + 0.1

        async def one(number: int) -> float:
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            body = request(first + number, arguments["channels"])
            async with client.post("/api/v1/predict", json=body) as answer:
                await answer.read()
            return time.perf_counter() - due

        return list(await asyncio.gather(*(one(n) for n in range(int(rate * seconds)))))


def main(arguments: dict[str, Any]) -> None:
    asyncio.run(asked(arguments, arguments["rate"], _WARM_UP_S, 1_000_000))
    begin = time.process_time()
    waits = asyncio.run(asked(arguments, arguments["rate"], arguments["seconds"], 0))
    p50, p95, p99 = np.quantile(waits, (0.5, 0.95, 0.99)).tolist()
    facts = {
        "events": len(waits),
        "seconds": arguments["seconds"],
        "p50_ms": round(p50 * 1000, 2),
        "p95_ms": round(p95 * 1000, 2),
        "p99_ms": round(p99 * 1000, 2),
        "max_ms": round(max(waits) * 1000, 2),
        "client_cpu_s": round(time.process_time() - begin, 2),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
