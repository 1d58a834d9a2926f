"""What rules have asked for: one request per rule and video, so many an hour, and counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from streams.decisions.queries import queries
from streams.generation.policy.rule import Rule

SQL = queries(Path(__file__).with_name("policy.sql"))

ASKED = "asked"
WOULD_ASK = "would_ask"  # of a dry run
OVER_CAP = "over_cap"  # called for, but the hour was full
UNFIT = "unfit"  # the request would break a rule of requests


class Outcome(NamedTuple):
    """How often a rule ended so."""

    rule: str
    outcome: str
    times: int


async def asked(conn: AsyncConnection[Any], rule: Rule, ids: Collection[str]) -> set[str]:
    """Those of the videos that the rule has asked for."""
    facts = {"rule": rule.name, "dry_run": rule.dry_run, "ids": list(ids)}
    return {row[0] async for row in await conn.execute(SQL["asked"], facts)}


async def turn(conn: AsyncConnection[Any], rule: Rule) -> None:
    """Wait until nobody else adds to the rule's requests; until the transaction ends."""
    await conn.execute(SQL["turn"], {"rule": rule.name})


async def room(conn: AsyncConnection[Any], rule: Rule, now: dt.datetime) -> int:
    """How many more the rule may ask for; call after `turn`."""
    facts = {"rule": rule.name, "dry_run": rule.dry_run, "per_hour": rule.per_hour, "now": now}
    row = await (await conn.execute(SQL["room"], facts)).fetchone()
    assert row is not None
    return int(row[0])


async def enter(conn: AsyncConnection[Any], rule: Rule, request: Mapping[str, Any]) -> None:
    """The rule asks for that; call after `turn`."""
    await conn.execute(
        SQL["enter"],
        {
            "rule": rule.name,
            "video_id": request["source_video_id"],
            "dry_run": rule.dry_run,
            "job_id": request["job_id"],
            "now": request["occurred_at"],
        },
    )


async def count(conn: AsyncConnection[Any], rule: Rule, outcomes: Mapping[str, int]) -> None:
    """Count how judgements of the rule ended; call after `turn`."""
    for outcome, times in outcomes.items():
        facts = {"rule": rule.name, "outcome": outcome, "times": times}
        await conn.execute(SQL["count"], facts)


async def outcomes(conn: AsyncConnection[Any]) -> list[Outcome]:
    """Every count.

    Raises:
        psycopg.errors.UndefinedTable: the dispatcher has never run in this database.
    """
    async with conn.cursor(row_factory=class_row(Outcome)) as cursor:
        await cursor.execute(SQL["outcomes"])
        return await cursor.fetchall()
