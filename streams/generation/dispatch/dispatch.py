"""Dispatch: requests become queued jobs, each once, however often they are delivered.

A chunk of requests is handled in one PostgreSQL transaction: the jobs' first events, their
entries in the work queue, and the offset up to which the partition has been consumed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import GENERATION_REQUESTS
from schemas.chunks import Chunk
from schemas.deadletters import DeadLetter, dead_letter
from schemas.frames import FrameDecoder
from schemas.publisher import Position, Publisher
from streams.decisions.decider import Refused
from streams.generation.dispatch import offsets, redriven
from streams.generation.health.state import ProviderHealth
from streams.generation.jobs import commands
from streams.generation.jobs.events import JobQueued
from streams.generation.jobs.validation import problems
from streams.generation.quotas import ledger
from streams.generation.routing.assigning import Assigner

CONSUMER = "dispatcher"

log = structlog.get_logger()


class Dispatcher:
    """Handles chunks of `generation.requests.v1`, whatever brings them.

    Args:
        publisher: for dead letters.
        assigner: decides where each request goes, and whether its user may ask for it.
    """

    topic = GENERATION_REQUESTS
    consumer = CONSUMER
    part = 200  # records of one transaction: its locks are short, its jobs start soon

    def __init__(
        self,
        pool: AsyncConnectionPool,
        publisher: Publisher,
        assigner: Assigner | None = None,
    ) -> None:
        self._pool = pool
        self._assigner = assigner or Assigner()
        self._publisher = publisher
        registry = publisher.codec.registry
        self._month: int | None = None  # in which the ledger was last tidied
        self._decoder = FrameDecoder(registry, GENERATION_REQUESTS, address=CONSUMER)

    async def handle(self, chunk: Chunk) -> int:
        """Queue the chunk's requests; what cannot be queued goes to the dead letters.

        Records before the stored offset were handled already and are passed over, so a chunk may
        come again, and from two processes at once.

        Returns:
            How many became dead letters.

        Raises:
            psycopg.Error: nothing of the chunk was done; it may be handled again.
            PublishError: the same, because the dead letters were not acknowledged.
        """
        health = await self._assigner.health()  # before a transaction waits for it
        async with self._pool.connection() as conn, conn.transaction():
            fresh = await offsets.claim(conn, CONSUMER, chunk)
            if not fresh:
                return 0
            decoded = self._decoder.decode(fresh)
            rows = {offset: row for row, offset in enumerate(fresh.offsets)}
            letters = [_letter(fresh, bad.row, bad.reason) for bad in decoded.rejects]
            requests: list[tuple[str, JobQueued]] = []
            for record in decoded.frame.iter_rows(named=True):
                broken = problems(record)
                if broken:
                    reason = "; ".join(f"{problem.field} {problem.message}" for problem in broken)
                    letters.append(_letter(fresh, rows[record["_offset"]], reason))
                    continue
                job_id, request = record["job_id"], _request(record, fresh)
                of = decoded.copies.get(record["_offset"])
                if of is not None:
                    job_id, request = await redriven.anew(conn, job_id, request, of)
                requests.append((job_id, request))
            queued = await self._queue(conn, requests, health)
            if letters:
                await asyncio.to_thread(self._send, letters)
            await offsets.store(conn, CONSUMER, fresh)
        log.info("dispatched", queued=queued, repeated=len(requests) - queued, dead=len(letters))
        return len(letters)

    async def _queue(
        self,
        conn: AsyncConnection[Any],
        requests: Sequence[tuple[str, JobQueued]],
        health: Mapping[str, ProviderHealth],
    ) -> int:
        """Queue the requests; how many were new."""
        assigned = await self._assigner.assign(conn, requests, health, _now())
        outcomes = await commands.queue_all(conn, assigned.wishes)
        queued = {
            job_id
            for (job_id, _), outcome in zip(assigned.wishes, outcomes, strict=True)
            if not isinstance(outcome, Refused)
        }
        await ledger.enter(conn, assigned.ledger, queued)
        if self._month != (month := assigned.ledger.now.month):
            await ledger.forget(conn, assigned.ledger.now)
            self._month = month
        return len(queued)

    def _send(self, letters: list[DeadLetter]) -> None:
        """Acknowledged before the offset moves: a crash in between repeats them."""
        self._publisher.send_dead_letters(letters)
        self._publisher.flush()


def _letter(chunk: Chunk, row: int, reason: str) -> DeadLetter:
    return dead_letter(chunk, row, reason=reason, component=CONSUMER)


def _request(record: Mapping[str, Any], chunk: Chunk) -> JobQueued:
    position = Position(chunk.topic, chunk.partition, record["_offset"])
    names = JobQueued.__dataclass_fields__
    facts = {name: record[name] for name in names if name != "request_record"}
    return JobQueued(**facts, request_record=str(position))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
