"""Webhooks that are to be sent again: copies of deliveries that were given up.

`groundswell dlq redrive webhooks.deliveries.v1` publishes them. The records that they repeat were
given up when they were written, and are passed over.
"""

from __future__ import annotations

import asyncio

import structlog
from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import WEBHOOK_DELIVERIES
from schemas.chunks import Chunk
from schemas.deadletters import DeadLetter, dead_letter
from schemas.frames import FrameDecoder
from schemas.publisher import Publisher
from schemas.redrive import copy_of
from streams.generation.dispatch import offsets
from streams.webhooks.delivery import Delivery, defer
from streams.webhooks.given_up import COMPONENT

log = structlog.get_logger()


class Redelivery:
    """Handles chunks of `webhooks.deliveries.v1`, whatever brings them.

    Args:
        publisher: for dead letters.
    """

    topic = WEBHOOK_DELIVERIES
    consumer = COMPONENT
    part = 200  # records of one transaction

    def __init__(self, pool: AsyncConnectionPool, publisher: Publisher) -> None:
        self._pool = pool
        self._publisher = publisher
        registry = publisher.codec.registry
        self._decoder = FrameDecoder(registry, WEBHOOK_DELIVERIES, address=COMPONENT)

    async def handle(self, chunk: Chunk) -> int:
        """Queue the chunk's copies, in one transaction with how far the chunk goes.

        Returns:
            How many records became dead letters.

        Raises:
            psycopg.Error, PublishError: nothing of the chunk was done; it may be handled again.
        """
        async with self._pool.connection() as conn, conn.transaction():
            fresh = await offsets.claim(conn, COMPONENT, chunk)
            if not fresh:
                return 0
            copies = _copies(fresh)
            letters = []
            if copies:
                decoded = self._decoder.decode(copies)
                for row in decoded.frame.iter_rows(named=True):
                    wanted = Delivery(row["webhook_id"], row["url"], row["kind"], row["body"])
                    await defer(conn, wanted)
                    log.info("webhook queued again", webhook_id=wanted.webhook_id)
                letters = [
                    dead_letter(copies, bad.row, reason=bad.reason, component=COMPONENT)
                    for bad in decoded.rejects
                ]
            if letters:
                await asyncio.to_thread(self._send, letters)
            await offsets.store(conn, COMPONENT, fresh)
        return len(letters)

    def _send(self, letters: list[DeadLetter]) -> None:
        self._publisher.send_dead_letters(letters)
        self._publisher.flush()


def _copies(chunk: Chunk) -> Chunk:
    rows = [row for row, headers in enumerate(chunk.headers) if copy_of(headers) is not None]
    return Chunk(
        chunk.topic,
        chunk.partition,
        [chunk.offsets[row] for row in rows],
        [chunk.timestamps[row] for row in rows],
        [chunk.keys[row] for row in rows],
        [chunk.values[row] for row in rows],
        [chunk.headers[row] for row in rows],
    )
