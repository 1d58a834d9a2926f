"""Wishes for generated videos: into the log, and findable from the moment they are accepted.

A job is a row of the projection. Before it is one, it stands in the store of decisions; before
that, for the moments that the dispatcher takes, only in the log: so what was accepted here is
remembered in Redis for a while, and a client that asks at once is not told "unknown".
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import redis.exceptions
import structlog

from api.commanding import connect
from api.database import Row
from api.errors import ApiError, not_found
from api.quotas import refuse_if_used_up
from api.services import Services
from api.users import Asker
from schemas.catalogue import GENERATION_REQUESTS
from schemas.publisher import Position, new_event_id
from streams.decisions.decider import Refused
from streams.generation.jobs import commands
from streams.generation.jobs.job import Job as JobState
from streams.generation.jobs.validation import DEFAULTS, PROMPT_MAX, problems
from streams.generation.quotas.limits import Quotas

REMEMBERED_SECONDS = 24 * 3600
SETTLE_SECONDS = 2.0  # that a write waits for the tables, so that a list read has it too
_PAUSE_SECONDS = 0.03
_FROM_KEY = uuid.UUID("0f0c1a52-7e1f-4c43-8a9e-3a1d4a1c9f55")  # namespace of ids made from keys

log = structlog.get_logger()


async def ask(
    here: Services,
    wish: Mapping[str, Any],
    *,
    idempotency_key: str | None,
    prompt_max: int = PROMPT_MAX,
) -> tuple[Row, Position]:
    """Publish a request; the job as it is then, and where the request stands in the log.

    Args:
        wish: fields of `GenerationRequested`; what is absent has its default.
        idempotency_key: the same user's same key is the same job: the dispatcher takes a job's
            request once.

    Raises:
        ApiError: 422 or 400: it breaks a rule. 429: its user's quota is used up. 503: Kafka is
            away.
    """
    request = {**DEFAULTS, **wish}
    _hold_rules(request, prompt_max)
    job_id = (
        new_event_id()
        if idempotency_key is None
        else str(uuid.uuid5(_FROM_KEY, f"{request['user_id']}\n{idempotency_key}"))
    )
    if idempotency_key is None or await find(here, job_id) is None:
        await refuse_if_used_up(here, request["user_id"])
    event = {
        **request,
        "event_id": new_event_id(),
        "occurred_at": dt.datetime.now(dt.UTC),
        "job_id": job_id,
        "requested_by": "api",
    }
    outcome = await here.publishing.publish(GENERATION_REQUESTS, [event])
    for error in outcome.rejected.values():
        raise ApiError(422, "VALIDATION_ERROR", f"validation error: {error}")
    position = outcome.positions[0]
    accepted = _accepted(event)
    await _remember(here, accepted)
    row = await _settled(here, job_id, lambda row: True)
    return row or accepted, position


async def find(here: Services, job_id: str) -> Row | None:
    """The job as a row of `jobs`, wherever it has got to; None when nobody asked for it."""
    rows = await here.database.all("jobs.by_ids", {"ids": [job_id]})
    if rows:
        return rows[0]
    state = await _truth(here, job_id)
    if state is not None:
        return state
    return await _remembered(here, job_id)


async def open_to(here: Services, who: Asker, job_id: str, what: str = "job") -> Row:
    """A job for somebody who may see it, wherever it has got to.

    Raises:
        ApiError: 404: nobody asked for it, or somebody else did.
    """
    row = await find(here, job_id)
    if row is None or not who.may_see(row["user_id"]):
        raise not_found(what, job_id)
    return row


async def cancel(here: Services, job_id: str, reason: str) -> Row | None:
    """Call a job off; None when nobody asked for it.

    Raises:
        ApiError: 400: it has ended. 409: it is on its way to its queue; try again.
    """
    try:
        async with await connect(here) as connection:
            await commands.cancel(connection, job_id, reason)
    except commands.UnknownJobError:
        await _refuse_if_accepted(here, job_id)
        return None
    except Refused as refused:
        raise _refused(refused) from None
    return await _settled(here, job_id, lambda row: row["status"] == "cancelled") or await find(
        here, job_id
    )


async def retry(here: Services, job_id: str) -> Row | None:
    """Ask again for what an unsuccessful job was to make: the new job. None: nobody knows the old.

    Raises:
        ApiError: 400: it goes on, or has its video. 429: its user's quota is used up. 409: it is
            on its way to its queue.
    """
    try:
        async with await connect(here) as connection:
            again = await commands.retry(connection, job_id, Quotas.of(here.settings))
    except commands.UnknownJobError:
        await _refuse_if_accepted(here, job_id)
        return None
    except Refused as refused:
        raise _refused(refused) from None
    return await _settled(here, again, lambda row: True) or await find(here, again)


def _hold_rules(request: Mapping[str, Any], prompt_max: int) -> None:
    found = problems(request, prompt_max=prompt_max)
    if not found:
        return
    model = [problem for problem in found if problem.kind == "model"]
    first = (model or found)[0]
    errors = [{"path": problem.field, "reason": problem.message} for problem in model or found]
    raise ApiError(
        422 if model else 400,
        "VALIDATION_ERROR" if model else "BUSINESS_RULE",
        f"{'validation error: ' if model else ''}{first.field}: {first.message}",
        details={"errors": errors},
    )


def _refused(refused: Refused) -> ApiError:
    if refused.code == "quota":
        return ApiError(429, "QUOTA_EXCEEDED", refused.reason)
    return ApiError(400, "ILLEGAL_STEP", refused.reason, details={"reason": refused.code})


async def _refuse_if_accepted(here: Services, job_id: str) -> None:
    if await _remembered(here, job_id) is not None:
        raise ApiError(
            409,
            "NOT_QUEUED_YET",
            f"the request of job {job_id} is on its way to its queue; try again in a moment",
            headers={"Retry-After": "1"},
        )


async def _settled(here: Services, job_id: str, done: Callable[[Row], bool]) -> Row | None:
    """The job's row once it is as wanted; None when that takes too long."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            rows = await here.database.all("jobs.by_ids", {"ids": [job_id]})
        except psycopg.Error:
            return None  # the write is done all the same: reads say what is wrong
        if rows and done(rows[0]):
            return rows[0]
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(_PAUSE_SECONDS)


def _row(request: Mapping[str, Any], at: dt.datetime) -> Row:
    """A queued job as a row of `jobs`."""
    return {
        **{name: request.get(name) for name in DEFAULTS},
        "job_id": request["job_id"],
        "version": 0,
        "status": "queued",
        "user_id": request["user_id"],
        "prompt": request["prompt"],
        "requested_by": request["requested_by"],
        "attempts": 0,
        "percent": 0.0,
        "queued_at": at,
        "updated_at": at,
        **dict.fromkeys(
            (
                "provider_used", "model", "worker", "step", "error", "retry_at", "cancel_reason",
                "artifact", "thumbnail", "bytes", "sha256", "video_seconds", "processing_s",
                "started_at", "finished_at", "artifacts_expired_at",
            )
        ),
    }  # fmt: skip


def _accepted(event: Mapping[str, Any]) -> Row:
    return _row(event, event["occurred_at"])


async def _truth(here: Services, job_id: str) -> Row | None:
    async with await connect(here) as connection:
        try:
            states = await commands.states(connection, [job_id])
        except psycopg.errors.UndefinedTable:
            return None  # the dispatcher has never run here
    state = states.get(job_id)
    return None if state is None or state.request is None else _of_state(job_id, state)


def _of_state(job_id: str, state: JobState) -> Row:
    asked = state.asked
    request = {name: getattr(asked, name) for name in DEFAULTS}
    row = _row(
        {
            **request,
            "job_id": job_id,
            "user_id": asked.user_id,
            "prompt": asked.prompt,
            "requested_by": asked.requested_by,
        },
        dt.datetime.now(dt.UTC),
    )
    return {
        **row,
        "status": str(state.status),
        "attempts": state.attempt,
        "percent": state.percent,
        "error": state.error,
        "retry_at": state.retry_at,
        "artifact": state.result.artifact if state.result else None,
        "thumbnail": state.result.thumbnail if state.result else None,
        "sha256": state.result.sha256 if state.result else None,
        "processing_s": state.result.processing_s if state.result else None,
        "artifacts_expired_at": row["updated_at"] if state.expired else None,
    }


async def _remember(here: Services, row: Row) -> None:
    try:
        await here.redis.set(
            _key(row["job_id"]), json.dumps(row, default=str), ex=REMEMBERED_SECONDS
        )
    except redis.exceptions.RedisError as error:
        # The job is in the log: it comes, only a read in the next moments may not find it.
        log.warning("job not remembered", job_id=row["job_id"], error=type(error).__name__)


async def _remembered(here: Services, job_id: str) -> Row | None:
    try:
        text = await here.redis.get(_key(job_id))
    except redis.exceptions.RedisError:
        return None
    if text is None:
        return None
    row: Row = json.loads(text)
    for name in ("queued_at", "updated_at"):
        row[name] = dt.datetime.fromisoformat(row[name])
    return row


def _key(job_id: str) -> str:
    return f"groundswell:accepted-job:{job_id}"
