"""What can be asked of jobs, each with everything that must happen together with it.

All of it runs on the caller's connection, within the caller's transaction if there is one.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from psycopg import AsyncConnection

from streams.decisions import store
from streams.decisions.decider import Refused
from streams.decisions.store import Decision
from streams.generation import queue
from streams.generation.events import Cancelled, JobEvent, JobQueued, RetryScheduled, Snoozed
from streams.generation.job import JOBS, Job, Status, asked_again
from streams.generation.job_commands import Cancel, JobCommand, Queue
from streams.generation.quotas import ledger
from streams.generation.quotas.limits import Quotas

_RETRIES = uuid.UUID("6d1b6ab5-8a3e-4f0e-9d55-0d1c0c2c7c11")  # names jobs made by `retry`
UNLIMITED = Quotas()


class UnknownJobError(LookupError):
    """Nobody ever asked for that job."""


async def decide(
    conn: AsyncConnection[Any], job_id: str, command: JobCommand
) -> Decision[Job, JobEvent]:
    """Decide a command, and queue or withdraw work accordingly, in one transaction.

    Raises:
        Refused: see [`JobDecider`][streams.generation.job.JobDecider].
    """
    async with conn.transaction():
        decision = await store.execute(conn, JOBS, job_id, command)
        for event in decision.events:
            match event:
                case JobQueued() if not decision.state.status.ended:
                    await queue.defer(conn, job_id, attempt=1, priority=event.priority)
                case RetryScheduled():
                    await queue.defer(
                        conn,
                        job_id,
                        attempt=event.attempt,
                        priority=decision.state.asked.priority,
                        at=event.retry_at if event.delay_s > 0 else None,
                    )
                case Snoozed():
                    await queue.defer(
                        conn,
                        job_id,
                        attempt=event.attempt + 1,
                        priority=decision.state.asked.priority,
                        at=event.retry_at,
                    )
                case Cancelled():
                    await queue.withdraw(conn, job_id)
        if ledger.concerns(decision.events):
            await ledger.settle(conn, job_id, decision.events, decision.state.attempt)
        return decision


async def cancel(conn: AsyncConnection[Any], job_id: str, reason: str) -> Job:
    """Call a job off: one that waits never runs, one that runs stops soon.

    Returns:
        The job as it is now.

    Raises:
        UnknownJobError: there is no such job.
        Refused: it has ended already (code `ended`).
    """
    try:
        return (await decide(conn, job_id, Cancel(_now(), reason))).state
    except Refused as refused:
        if refused.code == "unknown":
            raise UnknownJobError(f"there is no job {job_id}") from None
        raise


async def retry(conn: AsyncConnection[Any], job_id: str, quotas: Quotas = UNLIMITED) -> str:
    """Ask once more for what a failed or cancelled job was to make.

    An end is final, so this is a new job with the same request and the same seed. Asking again
    answers the same new job.

    Returns:
        Id of the new job.

    Raises:
        UnknownJobError: there is no such job.
        Refused: it runs still (code `not_ended`), it made its video (code `completed`), or its
            user's quota is used up (code `quota`).
    """
    job = (await states(conn, [job_id])).get(job_id)
    if job is None:
        raise UnknownJobError(f"there is no job {job_id}")
    if job.status is Status.COMPLETED:
        raise Refused("completed", "the job is completed: its video is there")
    if not job.status.ended:
        raise Refused("not_ended", f"the job is {job.status}: it goes on by itself")
    again = str(uuid.uuid5(_RETRIES, job_id))
    request = asked_again(job_id, job.asked, job.choice)
    async with conn.transaction():
        if again not in await states(conn, [again]):
            await _queue_within(conn, quotas, again, request)
    return again


async def _queue_within(
    conn: AsyncConnection[Any], quotas: Quotas, job_id: str, request: JobQueued
) -> None:
    """Queue a job of a user whose quota allows it.

    Raises:
        Refused: it does not (code `quota`).
    """
    now = _now()
    usage = await ledger.opened(conn, [request.user_id], now)
    if ledger.counts(request):
        used_up = quotas.used_up(usage.of(request.user_id), now)
        if used_up is not None:
            raise Refused("quota", used_up.reason)
        usage.add(job_id, request.user_id, 0.0)  # its price is known when its provider is
    try:
        await decide(conn, job_id, Queue(now, request))
    except Refused as refused:
        if refused.code != "exists":
            raise
        return
    await ledger.enter(conn, usage, {job_id})


async def states(conn: AsyncConnection[Any], job_ids: Iterable[str]) -> dict[str, Job]:
    """The present states of those jobs that exist, by id: the truth, ahead of any projection."""
    return await store.states(conn, JOBS, job_ids)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
