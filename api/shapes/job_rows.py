"""Rows of `jobs` as the API shows them."""

from __future__ import annotations

import json
from typing import Any

from api.database import Row
from api.shapes.jobs import Job


def job_of(row: Row) -> Job:
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
