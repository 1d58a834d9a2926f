"""Whether the servers behind the API answer, and how fast."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from api.database import Database
from streams.log_view import LogView

CHECK_SECONDS = 2.0  # one that takes longer counts as away

log = structlog.get_logger()

Component = dict[str, Any]


class Health:
    """Asks every server a question of its own protocol."""

    def __init__(self, database: Database, redis: Redis, log_view: LogView) -> None:
        self._database = database
        self._redis = redis
        self._log_view = log_view

    async def components(self) -> dict[str, Component]:
        """Status and latency of each: `{"status": "up"|"down", "latency_ms", "error"?}`."""
        questions: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
            "database": self._ask_database,
            "redis": self._ask_redis,
            "kafka": self._ask_kafka,
            "projections": self._ask_projections,
        }
        answers = await asyncio.gather(*(_timed(name, ask) for name, ask in questions.items()))
        return dict(zip(questions, answers, strict=True))

    async def _ask_database(self) -> dict[str, Any]:
        await self._database.one("system.ping")
        return {}

    async def _ask_redis(self) -> dict[str, Any]:
        answer: Any = self._redis.ping()
        await answer
        return {}

    async def _ask_kafka(self) -> dict[str, Any]:
        return {"brokers": await asyncio.to_thread(self._log_view.brokers)}

    async def _ask_projections(self) -> dict[str, Any]:
        return {"lag": await self._database.projection_lag()}


async def _timed(name: str, ask: Callable[[], Awaitable[dict[str, Any]]]) -> Component:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            facts = await ask()
    except Exception as error:
        log.warning("server is away", server=name, error=type(error).__name__)
        return {"status": "down", "latency_ms": None, "error": type(error).__name__}
    return {"status": "up", "latency_ms": round((time.perf_counter() - started) * 1000, 2), **facts}


def is_ready(components: dict[str, Component]) -> bool:
    """Whether every one is up."""
    return all(component["status"] == "up" for component in components.values())
