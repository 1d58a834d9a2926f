"""Dispatch: requests become queued jobs, each once, however often they are delivered.

A chunk of requests is handled in one PostgreSQL transaction: the jobs' first events, their
entries in the work queue, and the offset up to which the partition has been consumed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any

import structlog
from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import GENERATION_REQUESTS
from schemas.chunks import Chunk
from schemas.deadletters import DeadLetter, dead_letter
from schemas.frames import FrameDecoder
from schemas.publisher import Publisher
from streams.decisions.decider import Refused
from streams.generation import commands, offsets
from streams.generation.events import JobQueued
from streams.generation.job_commands import Queue
from streams.generation.validation import problems

CONSUMER = "dispatcher"

log = structlog.get_logger()


class Dispatcher:
    """Handles chunks of `generation.requests.v1`, whatever brings them.

    Args:
        publisher: for dead letters.
    """

    topic = GENERATION_REQUESTS
    consumer = CONSUMER

    def __init__(self, pool: AsyncConnectionPool, publisher: Publisher) -> None:
        self._pool = pool
        self._publisher = publisher
        registry = publisher.codec.registry
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
        async with self._pool.connection() as conn, conn.transaction():
            fresh = await offsets.claim(conn, CONSUMER, chunk)
            if not fresh:
                return 0
            decoded = self._decoder.decode(fresh)
            rows = {offset: row for row, offset in enumerate(fresh.offsets)}
            letters = [_letter(fresh, bad.row, bad.reason) for bad in decoded.rejects]
            requests: list[tuple[str, Queue]] = []
            for record in decoded.frame.iter_rows(named=True):
                broken = problems(record)
                if broken:
                    reason = "; ".join(f"{problem.field} {problem.message}" for problem in broken)
                    letters.append(_letter(fresh, rows[record["_offset"]], reason))
                    continue
                requests.append((record["job_id"], Queue(_now(), _request(record))))
            outcomes = await commands.queue_all(conn, requests)
            if letters:
                await asyncio.to_thread(self._send, letters)
            await offsets.store(conn, CONSUMER, fresh)
        repeated = sum(isinstance(outcome, Refused) for outcome in outcomes)
        queued = len(outcomes) - repeated
        log.info("dispatched", queued=queued, repeated=repeated, dead=len(letters))
        return len(letters)

    def _send(self, letters: list[DeadLetter]) -> None:
        """Acknowledged before the offset moves: a crash in between repeats them."""
        self._publisher.send_dead_letters(letters)
        self._publisher.flush()


def _letter(chunk: Chunk, row: int, reason: str) -> DeadLetter:
    return dead_letter(chunk, row, reason=reason, component=CONSUMER)


def _request(record: Mapping[str, Any]) -> JobQueued:
    facts = {name: record[name] for name in JobQueued.__dataclass_fields__}
    return JobQueued(**facts)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
