"""The policy at work: a source's events in, requests out, each once.

A request goes through the same door as everybody's, `generation.requests.v1`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl
import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import GENERATION_REQUESTS
from schemas.chunks import Chunk
from schemas.deadletters import DeadLetter, dead_letter
from schemas.frames import FrameDecoder
from schemas.publisher import Publisher
from streams.generation.dispatch import offsets
from streams.generation.jobs.validation import problems
from streams.generation.policy import ledger
from streams.generation.policy.facts import Facts
from streams.generation.policy.rule import Rule
from streams.generation.policy.sources import Source

CONSUMER = "policy"

log = structlog.get_logger()


class Policy:
    """Handles chunks of a source's topic, whatever brings them.

    Args:
        rules: of that source, in their order.
    """

    consumer = CONSUMER
    part = 5_000  # records; most call for nothing, and are judged as columns

    def __init__(
        self,
        pool: AsyncConnectionPool,
        publisher: Publisher,
        source: Source,
        rules: Sequence[Rule],
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._rules = rules
        self._facts = Facts()
        self.topic = source.topic
        registry = publisher.codec.registry
        self._decoder = FrameDecoder(registry, source.topic, source.columns, address=CONSUMER)

    async def handle(self, chunk: Chunk) -> int:
        """Ask for the videos that the chunk's events call for.

        The requests are acknowledged by Kafka before the offset moves: a crash in between repeats
        them under the same job ids, which the dispatcher knows.

        Returns:
            How many events became dead letters.

        Raises:
            psycopg.Error: PostgreSQL failed; the chunk may be handled again.
            PublishError: the requests were not acknowledged; the same.
        """
        async with self._pool.connection() as conn, conn.transaction():
            fresh = await offsets.claim(conn, CONSUMER, chunk)
            if not fresh:
                return 0
            decoded = self._decoder.decode(fresh)
            requests: list[dict[str, Any]] = []
            for rule in self._rules:
                requests += await self._judge(conn, rule, decoded.frame)
            letters = [
                dead_letter(fresh, bad.row, reason=bad.reason, component=CONSUMER)
                for bad in decoded.rejects
            ]
            if requests or letters:
                await asyncio.to_thread(self._send, requests, letters)
            await offsets.store(conn, CONSUMER, fresh)
        return len(letters)

    async def _judge(
        self, conn: AsyncConnection[Any], rule: Rule, events: pl.DataFrame
    ) -> list[dict[str, Any]]:
        """The requests of a rule; they are entered and counted."""
        now = dt.datetime.now(dt.UTC)
        called = events.filter(rule.calls(pl.lit(now)))
        if called.is_empty():
            return []
        before = await ledger.asked(conn, rule, called["video_id"].unique().to_list())
        called = called.filter(~pl.col("video_id").is_in(list(before)))
        if rule.needs_facts and not called.is_empty():
            known = await self._facts.of(conn, called["video_id"].to_list())
            facts = [name for name in known.columns if name in rule.source.facts]
            called = called.join(known.select("video_id", *facts), on="video_id", how="left")
            called = rule.confirmed(called)
        called = called.unique("video_id", keep="first", maintain_order=True)
        return [] if called.is_empty() else await self._enter(conn, rule, called, now)

    async def _enter(
        self, conn: AsyncConnection[Any], rule: Rule, called: pl.DataFrame, now: dt.datetime
    ) -> list[dict[str, Any]]:
        await ledger.turn(conn, rule)
        # Somebody else may have asked for some of them while we waited for our turn.
        before = await ledger.asked(conn, rule, called["video_id"].to_list())
        room = await ledger.room(conn, rule, now)
        requests: list[dict[str, Any]] = []
        counted: Counter[str] = Counter()
        for row in called.iter_rows(named=True):
            if row["video_id"] in before:
                continue
            request = rule.request_for(row, now)
            if broken := problems(request):
                log.warning("a rule asks for what cannot be", rule=rule.name, problem=broken[0])
                counted[ledger.UNFIT] += 1
            elif room == 0:
                counted[ledger.OVER_CAP] += 1
            else:
                room -= 1
                await ledger.enter(conn, rule, request)
                requests.append(request)
                counted[ledger.WOULD_ASK if rule.dry_run else ledger.ASKED] += 1
        await ledger.count(conn, rule, counted)
        _log(rule, requests, counted)
        return [] if rule.dry_run else requests

    def _send(self, requests: list[dict[str, Any]], letters: list[DeadLetter]) -> None:
        self._publisher.send_dead_letters(letters)
        for request in requests:
            self._publisher.publish(GENERATION_REQUESTS, request)
        self._publisher.flush()


def _log(rule: Rule, requests: list[dict[str, Any]], counted: Counter[str]) -> None:
    for request in requests:
        log.info(
            "would ask for a video" if rule.dry_run else "asks for a video",
            rule=rule.name,
            video_id=request["source_video_id"],
            job_id=request["job_id"],
            prompt=request["prompt"],
        )
    if counted[ledger.OVER_CAP]:
        log.info("the hour of a rule is full", rule=rule.name, over=counted[ledger.OVER_CAP])
