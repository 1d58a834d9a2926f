"""Generation jobs."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from api import generation
from api.database import Row
from api.errors import not_found
from api.positions import MinPosition
from api.responses import also
from api.routes import V1
from api.services import Here
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
from schemas.catalogue import GENERATION_REQUESTS

router = APIRouter(prefix=f"{V1}/jobs", tags=["jobs"])

IdempotencyKey = Annotated[str | None, Header(max_length=200)]


@router.post("", status_code=201, summary="Ask for a video", responses=also(429))
async def create(
    body: JobRequest, here: Here, response: Response, idempotency_key: IdempotencyKey = None
) -> Job:
    """Queue a job. The same user's same `Idempotency-Key` is the same job."""
    wish = body.model_dump(exclude={"metadata"})
    metadata = body.metadata or JobMetadata()
    wish["priority"] = metadata.priority
    if metadata.model_fields_set:
        wish["metadata"] = json.dumps(metadata.model_dump(exclude_unset=True))
    row, position = await generation.ask(here, wish, idempotency_key=idempotency_key)
    response.headers["X-Event-Position"] = str(position)
    response.headers["Location"] = f"/api/v1/jobs/{row['job_id']}"
    return shape(row)


@router.get("", summary="Jobs")
async def jobs(
    here: Here,
    at_least: MinPosition,
    user_id: Annotated[str | None, Query(alias="userId")] = None,
    status: Status | None = None,
    skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    take: Annotated[int, Query(ge=1, le=100)] = 50,
) -> JobList:
    """Newest first."""
    await _wait(here, at_least)
    asked = {"user_id": user_id, "status": status}
    rows = await here.database.all("jobs.page", {**asked, "skip": skip, "take": take})
    total = await here.database.one("jobs.total", asked)
    return JobList(
        jobs=[shape(row) for row in rows],
        total=total["total"] if total else 0,
        skip=skip,
        take=take,
    )


@router.get("/stats", summary="Jobs in figures")
async def stats(here: Here, at_least: MinPosition) -> JobStats:
    """Counts by status and queue, success rate, average time."""
    await _wait(here, at_least)
    by_status: dict[Status, int] = dict.fromkeys(
        ("queued", "processing", "completed", "failed", "cancelled"), 0
    )
    for row in await here.database.all("jobs.by_status"):
        by_status[row["status"]] = row["jobs"]
    queued = {row["priority"]: row["jobs"] for row in await here.database.all("jobs.queued")}
    average = await here.database.one("jobs.average_seconds")
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
async def job(job_id: str, here: Here, at_least: MinPosition) -> Job:
    """Where it stands; known from the moment its request was accepted."""
    await _wait(here, at_least)
    row = await generation.find(here, job_id)
    if row is None:
        raise not_found("job", job_id)
    return shape(row)


@router.get("/{job_id}/history", summary="A job's story")
async def history(job_id: str, here: Here, at_least: MinPosition) -> JobHistory:
    """Every event of it, oldest first."""
    await _wait(here, at_least)
    rows = await here.database.all("jobs.history", {"id": job_id})
    if not rows and await generation.find(here, job_id) is None:
        raise not_found("job", job_id)
    return JobHistory(id=job_id, events=[JobEvent(**row) for row in rows])


@router.delete("/{job_id}", status_code=204, summary="Cancel a job", responses=also(409))
async def delete(job_id: str, here: Here) -> None:
    """As `cancel`, with nothing to say. The job's story stays."""
    if await generation.cancel(here, job_id, "deleted by its user") is None:
        raise not_found("job", job_id)


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=also(409))
async def cancel(job_id: str, here: Here, body: CancelRequest | None = None) -> Job:
    """A queued job never runs, a running one stops soon, an ended one is refused with 400."""
    row = await generation.cancel(here, job_id, (body or CancelRequest()).reason)
    if row is None:
        raise not_found("job", job_id)
    return shape(row)


@router.post("/{job_id}/retry", status_code=201, summary="Ask again", responses=also(409, 429))
async def retry(job_id: str, here: Here, response: Response) -> Job:
    """A new job with the same request and seed, for a failed or cancelled one: an end is final.

    Asked twice, it answers the same new job.
    """
    row = await generation.retry(here, job_id)
    if row is None:
        raise not_found("job", job_id)
    response.headers["Location"] = f"/api/v1/jobs/{row['job_id']}"
    return shape(row)


async def _wait(here: Here, at_least: MinPosition) -> None:
    # A request's position is that of the wish; its job is findable already, see `generation.find`.
    if at_least.position is not None and at_least.position.topic != GENERATION_REQUESTS.name:
        await at_least.of(here.database, "jobs")


def shape(row: Row) -> Job:
    """A row of `jobs` as its clients know it."""
    job_id = row["job_id"]
    result: dict[str, Any] | None = None
    if row["artifact"] and row["artifacts_expired_at"] is None:
        result = {
            "videoUrl": f"/api/v1/videos/{job_id}/download",
            "thumbnailUrl": f"/api/v1/videos/{job_id}/thumbnail",
            "bytes": row["bytes"],
            "sha256": row["sha256"],
            "seconds": row["video_seconds"],
        }
    seconds = row["processing_s"]
    return Job(
        id=job_id,
        user_id=row["user_id"] or "",
        status=row["status"],
        prompt=row["prompt"] or "",
        priority=row["priority"] or "default",
        metadata=metadata_of(row),
        progress=row["percent"],
        step=row["step"] if row["status"] == "processing" else None,
        result=result,
        retry_count=max((row["attempts"] or 0) - 1, 0),
        max_retries=row["max_retries"] or 0,
        used_provider=row["provider_used"],
        used_model=row["model"],
        generation_time_ms=None if seconds is None else round(seconds * 1000),
        error_message=row["cancel_reason"] if row["status"] == "cancelled" else row["error"],
        source_video_id=row["source_video_id"],
        requested_by=row["requested_by"] or "producer",
        created_at=row["queued_at"] or row["updated_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        completed_at=row["finished_at"],
    )


def metadata_of(row: Row) -> dict[str, Any]:
    """The client's own facts; producers of other makes may have sent what is no object."""
    try:
        found = json.loads(row["metadata"] or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
