"""Decisions as the events of their domain's topic."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

import structlog

from schemas.publisher import Publisher
from schemas.topic import Topic
from streams.decisions.relay import Publish
from streams.decisions.store import Recorded

log = structlog.get_logger()


def publish_to(publisher: Publisher, topic: Topic) -> Publish:
    """A relay's `publish` that writes a domain's decisions to its topic.

    Raises (when called):
        PublishError: the broker did not acknowledge everything.
    """

    def write(rows: Sequence[Recorded]) -> None:
        for row in rows:
            publisher.publish(topic, event_of(topic, row))
        publisher.flush()

    async def publish(rows: Sequence[Recorded]) -> None:
        await asyncio.to_thread(write, rows)
        log.debug("relayed", topic=topic.name, events=len(rows), position=rows[-1].position)

    return publish


def event_of(topic: Topic, row: Recorded) -> dict[str, Any]:
    """The event of the topic: the envelope, with the stream's id as the key, then the facts.

    In the topic of a life story it has its record's name under `_type`.
    """
    facts = {
        name: dt.datetime.fromisoformat(value)
        if name in topic.times and value is not None
        else value
        for name, value in row.body.items()
    }
    envelope = {
        "event_id": row.event_id,
        "occurred_at": row.occurred_at,
        topic.key: row.stream_id,
        "version": row.version,
    }
    kind = {"_type": row.type} if isinstance(topic.schema, list) else {}
    return {**kind, **envelope, **facts}
