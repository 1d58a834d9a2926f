"""Analyses for tests: asked for, run by a worker of this process, and read back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from psycopg import AsyncConnection
from redis.asyncio import Redis

from streams.decisions.store import load
from streams.outliers.analyses import commands
from streams.outliers.analyses.analysis import ANALYSES
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.state import Analysis
from streams.outliers.analyses.worker import work
from streams.outliers.content import content
from streams.outliers.content.shapes import Content
from streams.outliers.youtube.cache import Cache
from streams.outliers.youtube.calls import Calls
from streams.outliers.youtube.client import YouTubeClient
from streams.outliers.youtube.quota import Ledger
from streams.outliers.youtube.source import Source
from streams.work_queue.running import Pulse
from tests.unit.outliers.analyses.a_world import NOW
from tests.unit.outliers.analyses.stories import CONTENT

T = TypeVar("T")

# Quicker than in earnest, so that a test need not wait.
PULSE = Pulse(heartbeat=0.3, silence=2.0, rescue=0.3, grace=0.5)

_ENDS = ["Completed", "Failed", "Cancelled"]


def client(
    redis: Redis, endpoint: str, key: str, *, cache: str, per_day: int = 10_000
) -> YouTubeClient:
    """A client with a cache and a ledger of its own."""
    ledger = Ledger(redis, account=cache, per_day=per_day)
    calls = Calls(ledger, key=key, endpoint=endpoint, purpose="analyses", tries=1)
    return YouTubeClient(calls, Cache(redis, origin=cache), ledger)


async def connected(dsn: str, ask: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async with await AsyncConnection.connect(dsn, autocommit=True) as conn:
        return await ask(conn)


async def ask(
    dsn: str, analysis_id: str, request: AnalysisRequest, what: Content = CONTENT
) -> None:
    """Ask for an analysis with that content, at the moment at which the tests' world is."""

    async def asked(conn: AsyncConnection[Any]) -> None:
        await content.change(conn, what, changed_by="test")
        await commands.start(conn, analysis_id=analysis_id, user_id="ada", request=request, at=NOW)

    await connected(dsn, asked)


async def run(
    dsn: str, source: Source, *ids: str, concurrency: int = 4, ended: bool = False
) -> None:
    """Let a worker make turns until those analyses wait for something, or have `ended`."""
    stops = _ENDS if ended else [*_ENDS, "Paused"]
    working = asyncio.create_task(work(dsn, source, concurrency=concurrency, pulse=PULSE))
    while await stopped(dsn, ids, stops) < len(ids) and not working.done():
        await asyncio.sleep(0.02)
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def stopped(dsn: str, ids: tuple[str, ...], kinds: list[str]) -> int:
    """How many of the analyses have one of those for their latest event."""

    async def counted(conn: AsyncConnection[Any]) -> int:
        cursor = await conn.execute(
            "SELECT count(*) FROM (SELECT DISTINCT ON (stream_id) type FROM decision_events"
            " WHERE domain = %s AND stream_id = ANY(%s) ORDER BY stream_id, version DESC) AS latest"
            " WHERE type = ANY(%s)",
            [ANALYSES.domain, list(ids), kinds],
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    return await connected(dsn, counted)


async def state(dsn: str, analysis_id: str) -> Analysis:
    return (await connected(dsn, lambda conn: commands.look(conn, analysis_id))).state


async def events(dsn: str, analysis_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Type and facts of every event, in order; versions are checked to have no gap."""

    async def loaded(conn: AsyncConnection[Any]) -> list[tuple[str, dict[str, Any]]]:
        rows = (await load(conn, ANALYSES.domain, [analysis_id]))[analysis_id]
        assert [row.version for row in rows] == list(range(1, len(rows) + 1))
        return [(row.type, row.body) for row in rows]

    return await connected(dsn, loaded)


def summary(found: Analysis) -> dict[str, Any]:
    assert found.result is not None, (found.status, found.error)
    told: dict[str, Any] = json.loads(found.result.summary)
    return told
