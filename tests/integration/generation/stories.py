"""Looking at what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from psycopg import AsyncConnection

from streams.decisions.store import Recorded, load

PATIENCE = 120.0  # seconds


async def connect(dsn: str) -> AsyncConnection[Any]:
    return await AsyncConnection.connect(dsn, autocommit=True)


async def story(dsn: str, job_id: str) -> list[Recorded]:
    async with await connect(dsn) as conn:
        return (await load(conn, "generation", [job_id]))[job_id]


async def types(dsn: str, job_id: str) -> list[str]:
    """The story's types without progress and choices, of which there may be more or less."""
    passing = ("Progressed", "ProviderChosen")
    return [row.type for row in await story(dsn, job_id) if row.type not in passing]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.05)


async def ended(dsn: str, job_id: str) -> bool:
    return bool({"Completed", "Failed", "Cancelled"} & {r.type for r in await story(dsn, job_id)})
