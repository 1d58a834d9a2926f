"""The peer of `bench jobs`: procrastinate as it comes, with a task that does nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from procrastinate import App, PsycopgConnector


async def run(dsn: str, concurrency: int) -> dict[str, float]:
    """Work until nothing is left; tasks done and the seconds that took."""
    app = App(connector=PsycopgConnector(conninfo=dsn))
    done = 0

    @app.task(name="nothing")
    async def nothing(number: int) -> None:
        nonlocal done
        done += 1

    async with app.open_async():
        begun = time.monotonic()
        await app.run_worker_async(concurrency=concurrency, wait=False)
        return {"events": done, "seconds": time.monotonic() - begun}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(**json.loads(sys.argv[1])))))
