"""The poller's tables: what it knows, and what is on its way into the log.

An answer of the API is stored together with the observations that follow from it, in one
transaction; then they are published, then they leave the table. A crash before the transaction
costs the answer's units; after it nothing: what is in the table is published again, and each
observation has an id that follows from what was observed and when.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from schemas.catalogue import TOPICS
from schemas.sql import beside
from schemas.topic import Topic
from streams.outliers.watching.watch import Event, FollowedState, Watch, WatchedState

_TABLES = Path(__file__).with_name("tables.sql")
_SQL = beside(__file__)


@dataclass(frozen=True, slots=True)
class Pending:
    """An observation that the broker has not acknowledged."""

    position: int
    topic: Topic
    record: dict[str, Any]


def prepare(dsn: str) -> None:
    """Make the tables that are missing. Safe to call at every start, and by several at once.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    with psycopg.connect(dsn) as connection:
        connection.execute(_SQL["lock"])
        connection.execute(_TABLES.read_bytes())


class Store:
    """The tables, over the one connection that also has the claim.

    A poller whose session has ended can store nothing any more. The connection is in autocommit.
    """

    def __init__(self, conn: AsyncConnection[Any]) -> None:
        self._conn = conn

    async def claim(self) -> bool:
        """Be the one poller; whether nobody else is."""
        row = await (await self._conn.execute(_SQL["claim"])).fetchone()
        return bool(row and row[0])

    async def load(self) -> Watch:
        """All that is known."""
        channels = await (await self._conn.execute(_SQL["channels"])).fetchall()
        videos = await (await self._conn.execute(_SQL["videos"])).fetchall()
        return Watch(
            channels={row[0]: WatchedState(*row) for row in channels},
            videos={row[0]: FollowedState(*row) for row in videos},
        )

    async def keep(
        self, watch: Watch, events: Iterable[Event] = (), dropped_channels: Sequence[str] = ()
    ) -> None:
        """Store what changed, and events for the log with it: all or nothing."""
        async with self._conn.transaction(), self._conn.cursor() as cursor:
            if dropped_channels:
                await cursor.execute(_SQL["drop_channels"], {"ids": list(dropped_channels)})
            if watch.dropped_videos:
                await cursor.execute(_SQL["drop_videos"], {"ids": list(watch.dropped_videos)})
            await cursor.executemany(
                _SQL["keep_channel"],
                [asdict(watch.channels[one]) for one in sorted(watch.changed_channels)],
            )
            await cursor.executemany(
                _SQL["keep_video"],
                [asdict(watch.videos[one]) for one in sorted(watch.changed_videos)],
            )
            await cursor.executemany(
                _SQL["put"],
                [{"topic": topic.name, "event": _json(record)} for topic, record in events],
            )
        watch.stored()

    async def pending(self, limit: int) -> list[Pending]:
        """Observations that are not known to be in the log, the oldest first."""
        rows = await (await self._conn.execute(_SQL["pending"], {"limit": limit})).fetchall()
        return [
            Pending(position, TOPICS[topic], _record(TOPICS[topic], event))
            for position, topic, event in rows
        ]

    async def published(self, position: int) -> None:
        """All up to that position are in the log."""
        await self._conn.execute(_SQL["published"], {"position": position})

    async def tell(self, state: str, reason: str, goes_on_at: float | None) -> None:
        """Write down what the poller is doing, for whoever asks."""
        facts = {"state": state, "reason": reason, "goes_on_at": goes_on_at}
        await self._conn.execute(_SQL["tell"], facts)


def listed(dsn: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """What the poller knows of each channel, and what it is doing; nothing where it never ran.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    with psycopg.connect(dsn, row_factory=dict_row, connect_timeout=5) as connection:
        ready = connection.execute(_SQL["ready"]).fetchone()
        if ready is None or not all(ready.values()):
            return [], None
        told = connection.execute(_SQL["told"]).fetchone()
        return connection.execute(_SQL["listed"]).fetchall(), told


def _json(record: dict[str, Any]) -> str:
    def plain(value: object) -> str:
        if isinstance(value, dt.datetime):
            return value.isoformat()
        raise TypeError(f"{type(value).__name__} is no fact of an observation")

    return json.dumps(record, default=plain)


def _record(topic: Topic, event: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(event)
    for name in topic.times & record.keys():
        record[name] = dt.datetime.fromisoformat(record[name])
    return record
