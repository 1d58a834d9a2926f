"""The relay of jobs' stories to `generation.events.v1`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from infra.settings import Settings
from schemas.catalogue import GENERATION_EVENTS
from schemas.deadletters import DeadLetter
from schemas.publisher import Publisher
from streams.decisions.publishing import event_of
from streams.decisions.relay import Publish, Relay
from streams.decisions.store import Recorded
from streams.generation.jobs.job import JOBS
from streams.generation.jobs.letters import FailedRequests

Letters = Callable[[Sequence[Recorded]], Awaitable[list[DeadLetter]]]

log = structlog.get_logger()


def relay(settings: Settings, publisher: Publisher) -> Relay:
    """The relay of jobs' stories."""
    failed = FailedRequests(settings.dsn, settings.kafka_config())
    return Relay(settings.dsn, JOBS.domain, publish_with(publisher, failed.letters))


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
            publisher.publish(GENERATION_EVENTS, event_of(GENERATION_EVENTS, row))
        publisher.flush()

    async def publish(rows: Sequence[Recorded]) -> None:
        # Not before they are committed, and before the checkpoint passes them: at least once.
        letters = await letters_of(rows)
        await asyncio.to_thread(write, rows, letters)
        log.debug("relayed", events=len(rows), position=rows[-1].position)

    return publish
