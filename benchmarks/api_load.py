"""Asks an API, or publishes to it, from a process of its own.

Run as a module with {"what": "steady" | "busy" | "publish", "api", "key", ...} as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import uvloop

from benchmarks.http_load import busy, request_bytes, steady

BATCH = 500  # events in a request
_BATCHES = 64  # made beforehand; each is sent again and again, with ids that are made on arrival
_CONNECTIONS = 32
_PUBLISHING = 8


def _paths(arguments: dict[str, Any]) -> list[bytes]:
    return [request_bytes(arguments["api"], path, arguments["key"]) for path in arguments["paths"]]


async def _steady(arguments: dict[str, Any]) -> dict[str, Any]:
    requests = _paths(arguments)
    return await steady(
        arguments["api"],
        lambda number: requests[number % len(requests)],
        rate=arguments["rate"],
        seconds=arguments["seconds"],
        connections=_CONNECTIONS,
    )


async def _busy(arguments: dict[str, Any]) -> dict[str, Any]:
    requests = _paths(arguments)
    return await busy(
        arguments["api"],
        lambda number: requests[number % len(requests)],
        seconds=arguments["seconds"],
        connections=_CONNECTIONS,
    )


async def _publish(arguments: dict[str, Any]) -> dict[str, Any]:
    path = "/api/v1/events/engagement.events.v1"
    requests = [
        request_bytes(
            arguments["api"],
            path,
            arguments["key"],
            method="POST",
            body=json.dumps(batch(number)).encode(),
        )
        for number in range(_BATCHES)
    ]
    found = await busy(
        arguments["api"],
        lambda number: requests[number % len(requests)],
        seconds=arguments["seconds"],
        connections=_PUBLISHING,
    )
    return {**found, "requests": found["events"], "events": found["events"] * BATCH}


def batch(number: int) -> list[dict[str, Any]]:
    """Engagement as clients send it: with ids and times, of 20,000 viewers with a visit each."""
    first = number * BATCH
    now = time.time()
    return [
        {
            "event_id": f"{now:.6f}-{n}",
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(now)) + f"{n:06d}Z",
            "video_id": f"video{n * 7919 % 5_000:06d}",
            "channel_id": f"channel{n * 7919 % 500:04d}",
            "viewer_id": f"viewer{n * 104_729 % 20_000:06d}",
            "session_id": f"visit{n * 104_729 % 20_000:06d}",
            "kind": "like" if n % 10 == 0 else "view",
            "watch_ms": None if n % 10 == 0 else n * 31 % 600_000,
            "country": "DE",
            "device": "phone",
            "source": "browse",
        }
        for n in range(first, first + BATCH)
    ]


_KINDS = {"steady": _steady, "busy": _busy, "publish": _publish}


def main(arguments: dict[str, Any]) -> None:
    begin = time.process_time()
    found = uvloop.run(_KINDS[arguments["what"]](arguments))
    print(json.dumps({**found, "client_cpu_s": round(time.process_time() - begin, 2)}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
