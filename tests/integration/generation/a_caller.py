"""Somebody in a process of its own who asks breakers: `python -m ... REDIS_URL PREFIX COUNT`.

Waits for a line, asks `COUNT` times at once whether the provider `p` may be called, and says how
often it may.
"""

from __future__ import annotations

import asyncio
import sys

from streams.generation.health.breakers import Breakers, connection


async def main(url: str, prefix: str, count: int) -> None:
    redis = connection(url)
    await redis.ping()
    print("ready", flush=True)
    sys.stdin.readline()
    breakers = Breakers(redis, ["p"], prefix=prefix)
    answers = await asyncio.gather(*(breakers.allowed("p") for _ in range(count)))
    print(sum(answers), flush=True)
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
