"""Somebody in a process of its own: `python -m ... REDIS_URL ACCOUNT PER_DAY PURPOSE UNITS COUNT`.

Waits for a line, reserves `UNITS` `COUNT` times at once, and says how often it could.
"""

from __future__ import annotations

import asyncio
import sys

from streams.outliers.youtube.connection import connection
from streams.outliers.youtube.errors import QuotaExhaustedError
from streams.outliers.youtube.quota import POLLER, Ledger


async def main(url: str, account: str, per_day: int, purpose: str, units: int, count: int) -> None:
    redis = connection(url)
    ledger = Ledger(redis, account=account, per_day=per_day, shares={POLLER: 0.6})
    await ledger.state()
    print("ready", flush=True)
    sys.stdin.readline()

    async def reserve() -> bool:
        try:
            await ledger.reserve(units, purpose)
        except QuotaExhaustedError:
            return False
        return True

    print(sum(await asyncio.gather(*(reserve() for _ in range(count)))), flush=True)
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(
        main(
            sys.argv[1],
            sys.argv[2],
            int(sys.argv[3]),
            sys.argv[4],
            int(sys.argv[5]),
            int(sys.argv[6]),
        )
    )
