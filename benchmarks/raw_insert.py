"""The peer of the store of decisions: as many writers who insert rows like its own, and no more."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from benchmarks.relay_load import WRITERS

_TABLE = b"CREATE TABLE IF NOT EXISTS raw_events (LIKE decision_events INCLUDING ALL)"
_INSERT = b"""INSERT INTO raw_events
(domain, stream_id, version, type, body, occurred_at, event_id)
VALUES ('raw', %s, %s, 'Progressed', %s, now(), %s)"""


async def run(dsn: str, seconds: float) -> dict[str, float]:
    """Insert for so long; rows, and the seconds that took."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute(_TABLE)
    begun = time.monotonic()
    rows = await asyncio.gather(*(_write(dsn, n, begun + seconds) for n in range(WRITERS)))
    return {"events": sum(rows), "seconds": time.monotonic() - begun}


async def _write(dsn: str, number: int, until: float) -> int:
    rows = 0
    body = Jsonb({"attempt": 1, "percent": 30.0, "step": "frames"})
    async with await AsyncConnection.connect(dsn, autocommit=True) as conn:
        while time.monotonic() < until:
            rows += 1
            await conn.execute(_INSERT, (f"raw-{number}", rows, body, f"{number}-{rows}"))
    return rows


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(**json.loads(sys.argv[1])))))
