"""Jobs: where each generation job stands, folded from its life story.

An event's `version` is its place in the story. A repeated event has a version that the row has
passed already, and changes nothing.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from projections.stories import story
from schemas.catalogue import GENERATION_EVENTS
from schemas.sql import beside

# The other kinds leave the job where it is; after an attempt that failed comes a retry or the end.
_STATUS = {
    "JobQueued": "queued",
    "AttemptStarted": "processing",
    "Progressed": "processing",
    "RetryScheduled": "queued",
    "Snoozed": "queued",
    "Completed": "completed",
    "Failed": "failed",
    "Cancelled": "cancelled",
}

# Fields that the row takes over as they are; the newest event that has one counts.
_TAKEN = (
    "user_id",
    "prompt",
    "width",
    "height",
    "num_steps",
    "quality",
    "seed",
    "duration_s",
    "priority",
    "max_retries",
    "source_video_id",
    "requested_by",
    "metadata",
    "provider_used",
    "model",
    "worker",
    "step",
    "error",
    "retry_at",
    "artifact",
    "thumbnail",
    "bytes",
    "sha256",
    "video_seconds",
    "processing_s",
)

_SECRET = ("fencing_token",)  # nobody's business


def fold_events(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The story's new events, and what each says of its job; null is "nothing said".

    Which of them are news to a job's row is for the row to say: a repeated event may stand behind a
    newer one.
    """
    told = events.unique(["job_id", "version"], keep="first").sort("job_id", "version")
    said = told.with_columns(pl.col("quality", "priority", "requested_by").cast(pl.String))
    said = said.select("job_id", "version", *_TAKEN, **_derived())
    return {"events": story(told, "job_id", leave_out=_SECRET), "jobs": said}


def _derived() -> dict[str, pl.Expr]:
    """Columns that depend on the kind of event, by name."""
    kind, at = pl.col("_type"), pl.col("occurred_at")
    return {
        "status": kind.replace_strict(_STATUS, default=None, return_dtype=pl.String),
        "attempts": pl.col("attempt"),
        "percent": pl.when(kind == "AttemptStarted")
        .then(0.0)
        .when(kind == "Completed")
        .then(100.0)
        .otherwise(pl.col("percent")),
        "provider": pl.when(kind == "JobQueued").then(pl.col("provider")),
        "cancel_reason": pl.when(kind == "Cancelled").then(pl.col("reason")),
        "queued_at": pl.when(kind == "JobQueued").then(at),
        "started_at": pl.when(kind == "AttemptStarted").then(at),
        "artifacts_expired_at": pl.when(kind == "ArtifactsExpired").then(at),
        "finished_at": pl.when(kind.is_in(["Completed", "Failed", "Cancelled"])).then(at),
        "updated_at": at,
    }


JOBS = Projection(
    name="jobs",
    version=3,
    statements=beside(__file__),
    sources=(
        Source(
            GENERATION_EVENTS, None, fold_events, ("upsert_events", "insert_jobs", "update_jobs")
        ),
    ),
)
