"""Requests that are driven again out of the dead letters."""

from __future__ import annotations

import uuid
from typing import Any

from psycopg import AsyncConnection

from streams.generation.jobs import commands
from streams.generation.jobs.events import JobQueued
from streams.generation.jobs.job import Status, asked_again

_REDRIVES = uuid.UUID("0c5a3a7e-41a1-4d59-9d3b-6f0a8d2f7b16")  # names jobs made by a redrive


async def anew(
    conn: AsyncConnection[Any], job_id: str, request: JobQueued, of: str
) -> tuple[str, JobQueued]:
    """The job that the copy of a request is for.

    Of a request that was refused that is the job it names. An end is final, so for one whose job
    has failed it is a new job with the same seed. Its id follows from the record that was refused:
    a redrive that is cut off and run again makes no second one.

    Args:
        of: the record that the copy repeats, as `topic/partition/offset`.
    """
    job = (await commands.states(conn, [job_id])).get(job_id)
    if job is None or job.status is not Status.FAILED:
        return job_id, request
    return str(uuid.uuid5(_REDRIVES, of)), asked_again(job_id, request, job.choice)
