"""The relay of jobs' stories to `generation.events.v1`: `main(settings)` is a process."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from infra.settings import Settings
from schemas.catalogue import GENERATION_EVENTS
from schemas.codec import Codec
from schemas.deadletters import DeadLetter
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.decisions.relay import Publish, Relay
from streams.decisions.store import Recorded
from streams.generation.jobs.job import JOBS
from streams.generation.jobs.letters import FailedRequests
from streams.generation.processes import run_until_stopped
from streams.generation.schema import prepare

Letters = Callable[[Sequence[Recorded]], Awaitable[list[DeadLetter]]]

_TIMES = ("retry_at",)  # facts that are times, beside the envelope's

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT."""
    prepare(settings.dsn)
    codec = Codec(Registry(settings.registry_config()))
    publisher = Publisher(settings.kafka_config(), codec, source="groundswell/generation")
    failed = FailedRequests(settings.dsn, settings.kafka_config())
    publish = publish_with(publisher, failed.letters)
    run_until_stopped(Relay(settings.dsn, JOBS.domain, publish).run())


def publish_with(publisher: Publisher, letters_of: Letters) -> Publish:
    """A relay's `publish` that writes job events to their topic, and dead letters beside them.

    Args:
        letters_of: the dead letters that follow from events.

    Raises (when called):
        PublishError: the broker did not acknowledge everything.
        Exception: what `letters_of` raised.
    """

    def write(rows: Sequence[Recorded], letters: Sequence[DeadLetter]) -> None:
        publisher.send_dead_letters(letters)
        for row in rows:
            publisher.publish(GENERATION_EVENTS, event_of(row))
        publisher.flush()

    async def publish(rows: Sequence[Recorded]) -> None:
        # Not before they are committed, and before the checkpoint passes them: at least once.
        letters = await letters_of(rows)
        await asyncio.to_thread(write, rows, letters)
        log.debug("relayed", events=len(rows), position=rows[-1].position)

    return publish


def event_of(row: Recorded) -> dict[str, Any]:
    """The event of the topic: the record's name under `_type`, the envelope, then the facts."""
    facts = {
        name: dt.datetime.fromisoformat(value) if name in _TIMES else value
        for name, value in row.body.items()
    }
    return {
        "_type": row.type,
        "event_id": row.event_id,
        "occurred_at": row.occurred_at,
        "job_id": row.stream_id,
        "version": row.version,
        **facts,
    }
