"""What can be asked of jobs, each with everything that must happen together with it.

All of it runs on the caller's connection, within the caller's transaction if there is one.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from procrastinate.jobs import Job as Entry
from psycopg import AsyncConnection

from streams.decisions import execution
from streams.decisions.decider import Refused
from streams.decisions.execution import Besides, Decision, Effect
from streams.generation.jobs import hooks, queue
from streams.generation.jobs.events import Cancelled, JobEvent, JobQueued, RetryScheduled, Snoozed
from streams.generation.jobs.job import JOBS, Job, Status, asked_again
from streams.generation.jobs.job_commands import Cancel, JobCommand, Queue
from streams.generation.quotas import ledger
from streams.generation.quotas.limits import Quotas
from streams.webhooks.delivery import Delivery, defer
from streams.work_queue.entries import defer_all

_RETRIES = uuid.UUID("6d1b6ab5-8a3e-4f0e-9d55-0d1c0c2c7c11")  # names jobs made by `retry`
UNLIMITED = Quotas()


class UnknownJobError(LookupError):
    """Nobody ever asked for that job."""


async def decide(
    conn: AsyncConnection[Any],
    job_id: str,
    command: JobCommand,
    *,
    known: Decision[Job, JobEvent] | None = None,
) -> Decision[Job, JobEvent]:
    """Decide a command, queue or withdraw work and tell of the end, in one transaction.

    Args:
        known: how the job was seen last, see `execution.execute`.

    Raises:
        Refused: see [`JobDecider`][streams.generation.jobs.job.JobDecider].
    """
    return await execution.execute(
        conn, JOBS, job_id, command, known=known, besides=_work(job_id, command)
    )


async def queue_all(
    conn: AsyncConnection[Any], requests: Sequence[tuple[str, Queue]]
) -> list[Decision[Job, JobEvent] | Refused]:
    """Decide many requests, each with its job's id, in one transaction and few statements.

    Returns:
        Of each what came of it, in order.
    """
    async with conn.transaction():
        outcomes = await execution.execute_all(conn, JOBS, requests)
        entries = [
            entry
            for (job_id, _), outcome in zip(requests, outcomes, strict=True)
            if not isinstance(outcome, Refused)
            for entry in _entries(job_id, outcome)
        ]
        await defer_all(conn, entries)
        for (job_id, command), outcome in zip(requests, outcomes, strict=True):
            if not isinstance(outcome, Refused):
                for told in _deliveries(job_id, command, outcome):
                    await defer(conn, told)
        return outcomes


async def look(conn: AsyncConnection[Any], job_id: str) -> Decision[Job, JobEvent]:
    """A job as it is now, in the form that `decide` takes as `known`."""
    return await execution.look(conn, JOBS, job_id)


def _work(job_id: str, command: JobCommand) -> Besides[Job, JobEvent]:
    """What a decision does to the work queue, to the user's quota and to who wants to be told."""

    def besides(decision: Decision[Job, JobEvent]) -> Effect | None:
        entries = _entries(job_id, decision)
        cancelled = any(isinstance(event, Cancelled) for event in decision.events)
        settled = ledger.concerns(decision.events)
        deliveries = _deliveries(job_id, command, decision)
        if not (entries or cancelled or settled or deliveries):
            return None

        async def change(conn: AsyncConnection[Any]) -> None:
            await defer_all(conn, entries)
            if cancelled:
                await queue.withdraw(conn, job_id)
            if settled:
                await ledger.settle(conn, job_id, decision.events, decision.state.attempt)
            for told in deliveries:
                await defer(conn, told)

        return change

    return besides


def _deliveries(
    job_id: str, command: JobCommand, decision: Decision[Job, JobEvent]
) -> list[Delivery]:
    return list(hooks.deliveries(job_id, decision.state, decision.events, command.at))


def _entries(job_id: str, decision: Decision[Job, JobEvent]) -> list[Entry]:
    """The queue's entries that the events ask for."""
    entries = []
    for event in decision.events:
        match event:
            case JobQueued() if not decision.state.status.ended:
                entries.append(queue.entry(job_id, 1, priority=event.priority))
            case RetryScheduled():
                at = event.retry_at if event.delay_s > 0 else None
                priority = decision.state.asked.priority
                entries.append(queue.entry(job_id, event.attempt, priority=priority, at=at))
            case Snoozed():
                priority = decision.state.asked.priority
                at = event.retry_at
                entries.append(queue.entry(job_id, event.attempt + 1, priority=priority, at=at))
    return entries


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
    # It is no record of the topic: its failure leaves no dead letter.
    request = replace(asked_again(job_id, job.asked, job.choice), request_record=None)
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
    return await execution.states(conn, JOBS, job_ids)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
