"""The least that FastAPI and psycopg do for the same reads: no key, no shapes, no metrics.

Run as a module with {"dsn", "port"} as JSON; serves until it is ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from api.database import CONNECTIONS
from api.statements import statement


def bare(dsn: str) -> FastAPI:
    """An application with two routes, which ask what ours asks."""
    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        dsn,
        max_size=CONNECTIONS,
        open=False,
        kwargs={"autocommit": True, "row_factory": dict_row},
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan)

    async def rows(name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        async with pool.connection() as connection:
            return await (await connection.execute(statement(name), values)).fetchall()

    @app.get("/videos/{video_id}")
    async def video(video_id: str) -> dict[str, Any]:
        return (await rows("virality.scores", {"ids": [video_id]}))[0]

    @app.get("/top")
    async def top() -> list[dict[str, Any]]:
        asked = {"window": "24h", "category": None, "limit": 20, "offset": 0}
        return await rows("virality.top", asked)

    return app


def main(dsn: str, port: int) -> None:
    uvicorn.run(
        bare(dsn), port=port, loop="uvloop", http="httptools", log_config=None, access_log=False
    )


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
