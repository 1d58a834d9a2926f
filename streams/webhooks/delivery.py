"""Deliveries: what is to be sent where, in the work queue of the same PostgreSQL.

A delivery is queued within the transaction of what it tells, so there is one if and only if that
happened. Its id follows from what it tells: whatever is repeated has the same one.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from procrastinate import PsycopgConnector
from procrastinate.jobs import Job as Entry
from procrastinate.manager import JobManager
from psycopg import AsyncConnection

QUEUE = "webhooks"
TASK = "webhooks.deliver"

_IDS = uuid.UUID("8c4a2f0e-0b57-4f7a-9a3b-6f7f4f1e2d90")  # namespace of deliveries' ids

# Never opened: it only puts procrastinate's own statements onto the caller's connection.
_MANAGER = JobManager(PsycopgConnector())


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one receiver.

    Attributes:
        webhook_id: the same however often it is sent.
        kind: what it tells: `job.completed`.
        body: the JSON as it is signed and sent.
    """

    webhook_id: str
    url: str
    kind: str
    body: str


def delivery(url: str, kind: str, about: str, at: dt.datetime, data: Mapping[str, Any]) -> Delivery:
    """A delivery with the body that Standard Webhooks describes: type, timestamp, data.

    Args:
        about: names what it tells of; with `kind` it makes the delivery's id.
        at: when that happened.
    """
    body = {"type": kind, "timestamp": at.isoformat(), "data": data}
    return Delivery(
        webhook_id=f"msg_{uuid.uuid5(_IDS, f'{kind} {about}').hex}",
        url=url,
        kind=kind,
        body=json.dumps(body, separators=(",", ":")),
    )


def entry(wanted: Delivery) -> Entry:
    """The queue's entry of a delivery."""
    return Entry(
        id=None,
        queue=QUEUE,
        lock=None,
        queueing_lock=None,
        task_name=TASK,
        task_kwargs=asdict(wanted),
    )


async def defer(conn: AsyncConnection[Any], wanted: Delivery) -> None:
    """Queue a delivery within the caller's transaction."""
    await _MANAGER.defer_job_async(entry(wanted), connection=conn)
