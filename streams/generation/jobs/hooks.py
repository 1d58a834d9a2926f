"""What a job's end tells to whoever asked for the job, at the request's `webhook_url`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from streams.generation.jobs.events import Cancelled, Completed, Failed, JobEvent
from streams.generation.jobs.job import Job
from streams.webhooks.delivery import Delivery, delivery

_VIDEOS = "/api/v1/videos"
_NESTED = 100  # levels that metadata may have to be told as an object


def deliveries(
    job_id: str, job: Job, events: Iterable[JobEvent], at: dt.datetime
) -> list[Delivery]:
    """What is to be told because of events, at most one; to be queued in their transaction.

    Args:
        job: as it is after them.
        at: when they occurred.
    """
    if job.request is None or job.request.webhook_url is None:
        return []
    return [
        end_of(job_id, job, event, at)
        for event in events
        if isinstance(event, Completed | Failed | Cancelled)
    ]


def end_of(
    job_id: str, job: Job, event: Completed | Failed | Cancelled, at: dt.datetime
) -> Delivery:
    """The delivery that tells the end of a job that has a `webhook_url`.

    `data` has `job_id`, `user_id`, `status`, `attempts` and the client's own `metadata`, and of a
    completed job the video, of a failed one `error`, of a cancelled one `reason`. Addresses are
    paths of the API.
    """
    asked = job.asked
    assert asked.webhook_url is not None, "only jobs that have one are told of"
    data = {
        "job_id": job_id,
        "user_id": asked.user_id,
        "status": str(job.status),
        "attempts": job.attempt,
        "metadata": _as_object(asked.metadata),
        **_outcome(job_id, event),
    }
    # One story has one end, so the job's id is enough to name it.
    return delivery(asked.webhook_url, f"job.{job.status}", job_id, at, data)


def _as_object(metadata: str | None) -> Any:
    """The client's own JSON; as its text where it nests so deep that it could not be written."""
    if metadata is None:
        return None
    nested = metadata.count("{") + metadata.count("[")
    return json.loads(metadata) if nested <= _NESTED else metadata


def _outcome(job_id: str, event: Completed | Failed | Cancelled) -> dict[str, Any]:
    match event:
        case Completed():
            return {
                "video_url": f"{_VIDEOS}/{job_id}/download",
                "thumbnail_url": f"{_VIDEOS}/{job_id}/thumbnail",
                "bytes": event.bytes,
                "sha256": event.sha256,
                "video_seconds": event.video_seconds,
                "processing_s": event.processing_s,
            }
        case Failed():
            return {"error": event.error}
        case Cancelled():
            return {"reason": event.reason}
