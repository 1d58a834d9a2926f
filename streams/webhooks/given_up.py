"""Deliveries that were given up: an event in the log, and its dead letter.

Their topic is one of their own. The end of a job has no place in its topic yet when its delivery
is queued, so no letter could name that record; and what is told is not always a job's end. Here
the record is the delivery itself: a redrive publishes it again, and it is queued again as it was.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from confluent_kafka import KafkaError, Message

from schemas.catalogue import WEBHOOK_DELIVERIES
from schemas.chunks import Chunk
from schemas.deadletters import dead_letter
from schemas.publisher import Publisher, PublishError, new_event_id
from streams.webhooks.delivery import Delivery

COMPONENT = "webhooks"


def give_up(publisher: Publisher, wanted: Delivery, tries: int, error: str) -> None:
    """Publish that a delivery failed, and its dead letter; returns when both are acknowledged.

    A crash in between repeats both.

    Raises:
        PublishError: the broker did not acknowledge one of them.
    """
    event = {
        "event_id": new_event_id(),
        "occurred_at": dt.datetime.now(dt.UTC),
        "webhook_id": wanted.webhook_id,
        "url": wanted.url,
        "kind": wanted.kind,
        "body": wanted.body,
        "tries": tries,
        "error": error,
    }
    answers: list[tuple[KafkaError | None, Message]] = []
    publisher.publish(WEBHOOK_DELIVERIES, event, on_delivery=lambda *answer: answers.append(answer))
    publisher.flush()
    refusal, message = answers[0]
    if refusal is not None:
        raise PublishError(f"a delivery that failed was not stored: {refusal}")
    publisher.send_dead_letters(
        [dead_letter(_as_chunk(message), 0, reason=error, component=COMPONENT)]
    )
    publisher.flush()


def _as_chunk(message: Message) -> Chunk:
    facts: Any = message  # what is asked for here, an acknowledged record has
    return Chunk(
        facts.topic(),
        facts.partition(),
        [facts.offset()],
        [facts.timestamp()[1]],
        [facts.key()],
        [facts.value()],
        [tuple(facts.headers() or ())],
    )
