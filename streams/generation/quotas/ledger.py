"""The ledger of jobs that count in quotas, in the same transactions as the jobs' own steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from streams.decisions.queries import queries
from streams.generation.jobs.events import Cancelled, Failed, JobEvent, JobQueued, ProviderChosen
from streams.generation.quotas.limits import Usage

_SQL = queries(Path(__file__).with_name("ledger.sql"))


def counts(request: JobQueued) -> bool:
    """Whether a job counts: what policies ask for has a rate of its own, and is no user's."""
    return request.requested_by != "policy"


@dataclass(slots=True)
class Ledger:
    """What some users had made, and what is being added in this transaction.

    Attributes:
        now: when this is; days and months are told by it.
        usage: by user, with what was added.
        entries: what was added: (job_id, user_id, cost in US dollars).
    """

    now: dt.datetime
    usage: dict[str, Usage] = field(default_factory=dict)
    entries: list[tuple[str, str, float]] = field(default_factory=list)

    def of(self, user_id: str) -> Usage:
        """What that user had made so far."""
        return self.usage.get(user_id, Usage())

    def add(self, job_id: str, user_id: str, cost_usd: float) -> None:
        """Count a job; `enter` writes it down."""
        self.usage[user_id] = self.of(user_id).plus(cost_usd)
        self.entries.append((job_id, user_id, cost_usd))


async def opened(conn: AsyncConnection[Any], users: Collection[str], now: dt.datetime) -> Ledger:
    """The ledger of some users, theirs alone until the caller's transaction ends."""
    await conn.execute(_SQL["turn"], {"users": sorted(users)})
    return Ledger(now, await used(conn, users, now))


async def used(
    conn: AsyncConnection[Any], users: Collection[str], now: dt.datetime
) -> dict[str, Usage]:
    """What those users had made in the present day and month; who had nothing is absent."""
    today = now.astimezone(dt.UTC).date()
    facts = {"users": sorted(users), "today": today, "month": today.replace(day=1)}
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["used"], facts)
        return {user_id: Usage(*figures) async for user_id, *figures in cursor}


async def enter(conn: AsyncConnection[Any], ledger: Ledger, queued: Collection[str]) -> None:
    """Write down those added jobs that were queued."""
    entries = [entry for entry in ledger.entries if entry[0] in queued]
    if not entries:
        return
    jobs, users, costs = zip(*entries, strict=True)
    facts = {"jobs": list(jobs), "users": list(users), "costs": list(costs)}
    await conn.execute(_SQL["enter"], {**facts, "today": ledger.now.astimezone(dt.UTC).date()})


def concerns(events: Iterable[JobEvent]) -> bool:
    """Whether these steps of a job change what it counts for; `settle` then does it."""
    return any(isinstance(event, Failed | Cancelled | ProviderChosen) for event in events)


async def settle(
    conn: AsyncConnection[Any], job_id: str, events: Sequence[JobEvent], attempt: int
) -> None:
    """Change what a job counts for, after later steps of its story.

    A job that failed counts no more: whoever asked got nothing. One that was cancelled counts no
    more if no attempt had begun; after that work was done for it. Another provider has another
    price.

    Args:
        attempt: number of the job's latest attempt; 0 before the first.
    """
    if any(isinstance(event, JobQueued) for event in events):
        return
    for event in events:
        match event:
            case Failed():
                await conn.execute(_SQL["give_back"], {"job_id": job_id})
            case Cancelled() if attempt == 0:
                await conn.execute(_SQL["give_back"], {"job_id": job_id})
            case ProviderChosen():
                facts: Mapping[str, Any] = {"job_id": job_id, "cost_usd": event.cost_usd}
                await conn.execute(_SQL["reprice"], facts)


async def forget(conn: AsyncConnection[Any], now: dt.datetime) -> None:
    """Remove what no quota counts any more: jobs of earlier months."""
    await conn.execute(_SQL["forget"], {"month": now.astimezone(dt.UTC).date().replace(day=1)})
