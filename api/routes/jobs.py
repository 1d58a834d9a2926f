"""Generation jobs."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, WebSocket

from api import generation
from api.errors import not_found
from api.positions import MinPosition
from api.responses import also
from api.routes import V1
from api.services import Here
from api.shapes.job_rows import job_of
from api.shapes.jobs import (
    CancelRequest,
    Job,
    JobEvent,
    JobHistory,
    JobList,
    JobMetadata,
    JobRequest,
    JobStats,
    Status,
)
from api.shapes.paging import Cursor, Keyset, instant
from api.users import Who
from api.websockets.jobs import JobsStory, JobStory
from api.websockets.serving import serve
from schemas.catalogue import GENERATION_REQUESTS

router = APIRouter(prefix=f"{V1}/jobs", tags=["jobs"])

_BY_AGE = Keyset("jobs", at=instant, job_id=str)

IdempotencyKey = Annotated[str | None, Header(max_length=200)]


@router.post("", status_code=201, summary="Ask for a video", responses=also(429))
async def create(
    body: JobRequest,
    here: Here,
    who: Who,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Queue a job. The same user's same `Idempotency-Key` is the same job."""
    who.hold_oneself(body.user_id, "body.userId")
    wish = body.model_dump(exclude={"metadata"})
    metadata = body.metadata or JobMetadata()
    wish["priority"] = metadata.priority
    if metadata.model_fields_set:
        wish["metadata"] = json.dumps(metadata.model_dump(exclude_unset=True))
    row, position = await generation.ask(here, wish, idempotency_key=idempotency_key)
    response.headers["X-Event-Position"] = str(position)
    response.headers["Location"] = f"/api/v1/jobs/{row['job_id']}"
    return job_of(row)


@router.get("", summary="Jobs")
async def jobs(
    here: Here,
    who: Who,
    at_least: MinPosition,
    user_id: Annotated[str | None, Query(alias="userId")] = None,
    status: Status | None = None,
    skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    take: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = None,
) -> JobList:
    """One's own, newest first; moderators see everybody's.

    With `cursor` nothing is passed over, whatever `skip` says.
    """
    await _wait(here, at_least)
    asked = {"owner": who.reads, "user_id": user_id, "status": status}
    where = {**asked, **_BY_AGE.after(cursor), "skip": 0 if cursor else skip, "take": take}
    rows = await here.database.all("jobs.page", where)
    total = await here.database.one("jobs.total", asked)
    return JobList(
        jobs=[job_of(row) for row in rows],
        total=total["total"] if total else 0,
        skip=skip,
        take=take,
        next_cursor=_BY_AGE.cursor(rows, take),
    )


@router.get("/stats", summary="Jobs in figures")
async def stats(here: Here, who: Who, at_least: MinPosition) -> JobStats:
    """Counts by status and queue, success rate, average time, of the jobs that one may see."""
    await _wait(here, at_least)
    own = {"owner": who.reads}
    by_status: dict[Status, int] = dict.fromkeys(
        ("queued", "processing", "completed", "failed", "cancelled"), 0
    )
    for row in await here.database.all("jobs.by_status", own):
        by_status[row["status"]] = row["jobs"]
    queued = {row["priority"]: row["jobs"] for row in await here.database.all("jobs.queued", own)}
    average = await here.database.one("jobs.average_seconds", own)
    seconds = average["seconds"] if average else None
    ended = by_status["completed"] + by_status["failed"]
    return JobStats(
        total=sum(by_status.values()),
        by_status=by_status,
        queue_depth={
            "high": queued.get("high", 0),
            "default": queued.get("default", 0),
            "low": queued.get("low", 0),
        },
        success_rate=by_status["completed"] / ended if ended else None,
        avg_generation_time_ms=None if seconds is None else seconds * 1000,
    )


@router.get("/{job_id}", summary="A job")
async def job(job_id: str, here: Here, who: Who, at_least: MinPosition) -> Job:
    """Where it stands; known from the moment its request was accepted."""
    await _wait(here, at_least)
    return job_of(await generation.open_to(here, who, job_id))


@router.get("/{job_id}/history", summary="A job's story")
async def history(job_id: str, here: Here, who: Who, at_least: MinPosition) -> JobHistory:
    """Every event of it, oldest first."""
    await _wait(here, at_least)
    await generation.open_to(here, who, job_id)
    rows = await here.database.all("jobs.history", {"id": job_id})
    return JobHistory(id=job_id, events=[JobEvent(**row) for row in rows])


@router.delete("/{job_id}", status_code=204, summary="Cancel a job", responses=also(409))
async def delete(job_id: str, here: Here, who: Who) -> None:
    """As `cancel`, with nothing to say. The job's story stays."""
    await _hold_change(here, who, job_id)
    if await generation.cancel(here, job_id, "deleted by its user") is None:
        raise not_found("job", job_id)


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=also(409))
async def cancel(job_id: str, here: Here, who: Who, body: CancelRequest | None = None) -> Job:
    """A queued job never runs, a running one stops soon, an ended one is refused with 400."""
    await _hold_change(here, who, job_id)
    row = await generation.cancel(here, job_id, (body or CancelRequest()).reason)
    if row is None:
        raise not_found("job", job_id)
    return job_of(row)


@router.post("/{job_id}/retry", status_code=201, summary="Ask again", responses=also(409, 429))
async def retry(job_id: str, here: Here, who: Who, response: Response) -> Job:
    """A new job with the same request and seed, for a failed or cancelled one: an end is final.

    Asked twice, it answers the same new job.
    """
    await _hold_change(here, who, job_id)
    row = await generation.retry(here, job_id)
    if row is None:
        raise not_found("job", job_id)
    response.headers["Location"] = f"/api/v1/jobs/{row['job_id']}"
    return job_of(row)


@router.websocket("/ws")
async def listen_to_jobs(websocket: WebSocket, here: Here, user: str | None = None) -> None:
    """A user's jobs, as they move; docs/api.md has the events and how a browser sends the key."""
    await serve(websocket, here, lambda: JobsStory(user))


@router.websocket("/ws/{job_id}")
async def listen_to_job(
    websocket: WebSocket, job_id: str, here: Here, after: str | None = None
) -> None:
    """A job's story, as it comes; docs/api.md has the events."""
    await serve(websocket, here, lambda: JobStory(job_id, after))


async def _hold_change(here: Here, who: Who, job_id: str) -> None:
    row = await generation.open_to(here, who, job_id)
    who.hold_change(row["user_id"], "job")


async def _wait(here: Here, at_least: MinPosition) -> None:
    # A request's position is that of the wish; its job is findable already, see `generation.find`.
    if at_least.position is not None and at_least.position.topic != GENERATION_REQUESTS.name:
        await at_least.of(here.database, "jobs")
