"""The pipeline at a glance: totals, rates and lags, read once for everyone who looks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from confluent_kafka import KafkaException

from api.database import Database, Row
from api.rates import Rate
from streams.log_view import Ends, LogView

# Totals are full counts. They are taken again after this many times what they cost, so that they
# use at most a twentieth of one connection however large the tables grow.
REST = 20
LEAST_SECONDS = 1.0

log = structlog.get_logger()


class Pulse:
    """Reads the figures of the dashboard's head."""

    def __init__(self, database: Database, log_view: LogView) -> None:
        self._database = database
        self._log_view = log_view
        self._rates: dict[str, Rate] = {}
        self._totals: Row = {}
        self._due = 0.0
        self._lock = asyncio.Lock()

    async def beat(self) -> dict[str, Any]:
        """`{"totals", "projections", "events", "events_per_second", "topics"}`.

        `topics` has `{"events", "events_per_second"}` by topic name; it is empty, and the rate
        null, while Kafka does not answer.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database is away.
        """
        async with self._lock:
            totals = await self._recent_totals()
        return {
            "totals": totals,
            "projections": await self._database.projection_lag(),
            **await self.flow(),
        }

    async def flow(self) -> dict[str, Any]:
        """What runs through Kafka: `{"events", "events_per_second", "topics"}`."""
        topics = await self._topics()
        return {
            "events": sum(topic["events"] for topic in topics.values()),
            "events_per_second": round(
                sum(topic["events_per_second"] for topic in topics.values()), 1
            )
            if topics
            else None,
            "topics": topics,
        }

    async def totals(self) -> Row:
        """Exact totals, counted now."""
        row = await self._database.one("system.totals")
        return row or {}

    async def _recent_totals(self) -> Row:
        started = time.monotonic()
        if started >= self._due:
            self._totals = await self.totals()
            cost = time.monotonic() - started
            self._due = started + max(LEAST_SECONDS, REST * cost)
        return self._totals

    async def _topics(self) -> dict[str, dict[str, Any]]:
        try:
            ends = await asyncio.to_thread(self._log_view.ends)
        except KafkaException as error:
            log.debug("no offsets", error=str(error))
            return {}
        return {
            topic: {
                "events": events,
                "events_per_second": round(self._rates.setdefault(topic, Rate()).of(events), 1),
            }
            for topic, events in sorted(events_by_topic(ends).items())
        }


def events_by_topic(ends: Ends) -> dict[str, int]:
    """Offsets given out so far, by topic."""
    totals: dict[str, int] = {}
    for (topic, _), end in ends.items():
        totals[topic] = totals.get(topic, 0) + end
    return totals
