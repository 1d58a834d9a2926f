"""The relay: decisions out of the store to wherever the domain's topic is, in commit order.

Positions alone do not tell what is new: a transaction may draw a low one and commit late. Nor do
transaction ids: they are given at a transaction's first write, not at its commit. Snapshots do.
The checkpoint is the snapshot up to which everything is published; what is visible in a newer one
and not in that was committed between the two. So a transaction that stays open is not stepped
over, and holds nobody else up.

While there is something to do it looks every `PAUSE` seconds, and nobody tells it. It falls asleep
with a lock that every transaction which appends shares: so none is open then that has decided not
to wake it, and those that come wake it.

Within a pair of snapshots the order is that in which commits began (tables.sql).

A batch is published, acknowledged, then the checkpoint moves: a crash in between repeats the
batch, in an order that keeps every stream's versions rising.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import structlog
from psycopg import AsyncConnection
from psycopg.rows import class_row

from streams.decisions.connections import plan_for_keys
from streams.decisions.queries import queries
from streams.decisions.store import CHANNEL, Recorded

BATCH = 500  # events published between two checkpoints
PAUSE = 0.02  # seconds between two looks of one that is awake
POLL = 1.0  # seconds after which one that sleeps looks though nobody woke it

Publish = Callable[[Sequence[Recorded]], Awaitable[None]]

_SQL = queries(Path(__file__).with_name("relay.sql"))
_LISTEN = b"LISTEN " + CHANNEL.encode()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a relay is; see tables.sql. Snapshots are in PostgreSQL's notation.

    Attributes:
        position: place in the order of commits.
    """

    published: str
    publishing: str
    position: int


class Lag(NamedTuple):
    """What is committed and not yet published: events, and the age of the oldest in seconds."""

    events: int
    seconds: float


class Relay:
    """Relays one domain. Of several, in any number of processes, one works and the others wait.

    Args:
        domain: whose decisions.
        publish: publishes events in the order given and returns once all are acknowledged;
            raises when they are not, which ends the relay.
    """

    def __init__(
        self, dsn: str, domain: str, publish: Publish, *, batch: int = BATCH, poll: float = POLL
    ) -> None:
        self._dsn = dsn
        self._domain = domain
        self._publish = publish
        self._batch = batch
        self._poll = poll

    async def run(self) -> None:
        """Relay until cancelled.

        Raises:
            psycopg.OperationalError: the connection is lost, and the claim with it.
            Exception: what `publish` raised.
        """
        # One connection for the claim, the reading and the checkpoint: a relay whose session has
        # ended can move nothing any more. Autocommit: no transaction stays open.
        async with await AsyncConnection.connect(self._dsn, autocommit=True) as conn:
            await plan_for_keys(conn)
            await self._claim(conn)
            await conn.execute(_LISTEN)
            # The pair of snapshots that was begun is finished first.
            checkpoint = await self._publish_all(conn, await self._checkpoint(conn))
            while True:
                started = monotonic()
                before, checkpoint = checkpoint, await self._catch_up(conn, checkpoint)
                if checkpoint != before or not await _scalar(conn, "sleep", domain=self._domain):
                    # A transaction that stays open for long makes looks slow: then they are rarer.
                    await asyncio.sleep(max(PAUSE, monotonic() - started))
                    continue
                # What was appended while it fell asleep has woken nobody.
                checkpoint = await self._catch_up(conn, checkpoint)
                if checkpoint == before:
                    await self._wait(conn)
                await _scalar(conn, "wake", domain=self._domain)

    async def _claim(self, conn: AsyncConnection[Any]) -> None:
        waiting = False
        while not await _scalar(conn, "claim", domain=self._domain):
            if not waiting:
                log.info("relay waits for another one", domain=self._domain)
                waiting = True
            await asyncio.sleep(self._poll)
        log.info("relay runs", domain=self._domain)

    async def _checkpoint(self, conn: AsyncConnection[Any]) -> Checkpoint:
        async with conn.cursor(row_factory=class_row(Checkpoint)) as cursor:
            await cursor.execute(_SQL["checkpoint"], {"domain": self._domain})
            found = await cursor.fetchone()
            assert found is not None
            return found

    async def _catch_up(self, conn: AsyncConnection[Any], checkpoint: Checkpoint) -> Checkpoint:
        """Publish what was committed since the checkpoint's later snapshot, which is done with."""
        now = str(await _scalar(conn, "snapshot"))
        # Not taken over before there is something to publish: an idle relay writes nothing.
        newer = Checkpoint(checkpoint.publishing, now, 0)
        published = await self._publish_all(conn, newer)
        return checkpoint if published == newer else published

    async def _publish_all(self, conn: AsyncConnection[Any], checkpoint: Checkpoint) -> Checkpoint:
        """Publish what lies between the checkpoint's snapshots."""
        while True:
            rows = await self._read(conn, checkpoint)
            if rows:
                await self._publish(rows)
                checkpoint = replace(checkpoint, position=rows[-1].position)
                await self._advance(conn, checkpoint)
            if len(rows) < self._batch:
                return checkpoint

    async def _wait(self, conn: AsyncConnection[Any]) -> None:
        """Until something was committed, or `poll` seconds; many notices are one."""
        async for _ in conn.notifies(timeout=self._poll, stop_after=1):
            pass
        async for _ in conn.notifies(timeout=0):
            pass

    async def _read(self, conn: AsyncConnection[Any], checkpoint: Checkpoint) -> list[Recorded]:
        facts = {
            "domain": self._domain,
            "published": checkpoint.published,
            "publishing": checkpoint.publishing,
            "position": checkpoint.position,
            "limit": self._batch,
        }
        async with conn.cursor(row_factory=class_row(Recorded)) as cursor:
            await cursor.execute(_SQL["batch"], facts)
            return await cursor.fetchall()

    async def _advance(self, conn: AsyncConnection[Any], checkpoint: Checkpoint) -> None:
        facts = {
            "domain": self._domain,
            "published": checkpoint.published,
            "publishing": checkpoint.publishing,
            "position": checkpoint.position,
        }
        await conn.execute(_SQL["advance"], facts)


async def lag(conn: AsyncConnection[Any], domain: str) -> Lag:
    """How far behind the relay of a domain is."""
    async with conn.cursor(row_factory=class_row(Lag)) as cursor:
        await cursor.execute(_SQL["lag"], {"domain": domain})
        found = await cursor.fetchone()
        assert found is not None
        return found


async def _scalar(conn: AsyncConnection[Any], statement: str, **facts: Any) -> Any:
    row = await (await conn.execute(_SQL[statement], facts)).fetchone()
    return row[0] if row is not None else None
