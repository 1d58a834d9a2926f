"""A relay in a process of its own, which a test can kill: `python -m ... DSN FILE`.

It publishes into a file, a line of stream and version per event.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from streams.decisions.relay import Relay
from streams.decisions.store import Recorded


async def main(dsn: str, path: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def publish(rows: Sequence[Recorded]) -> None:
        for row in rows:
            os.write(file, f"{row.stream_id} {row.version}\n".encode())
            await asyncio.sleep(0.001)  # a kill meets a batch half published

    await Relay(dsn, "rooms", publish, batch=50, poll=0.1).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
