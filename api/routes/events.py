"""Facts from outside, on their way into the log."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Response
from pydantic import WithJsonSchema

from api.errors import ApiError
from api.routes import V1
from api.services import Here
from api.shapes.events import Placed, Published, Rejected
from schemas.catalogue import (
    EXPIRIES,
    GENERATION_EVENTS,
    OUTLIER_ANALYSES,
    OUTLIER_BASELINES,
    OUTLIER_CHANNEL_VIEWS,
    OUTLIER_CONTENT,
    OUTLIER_DETECTIONS,
    OUTLIER_NICHES,
    OUTLIER_SHIFTS,
    PROVIDER_HEALTH,
    VIRALITY_CHANNELS,
    VIRALITY_FORECASTS,
    VIRALITY_MODELS,
    VIRALITY_SCORES,
    WATCHED_CHANNELS,
    WEBHOOK_DELIVERIES,
    topic_named,
)
from schemas.errors import InvalidEventError, UnknownTopicError
from schemas.json_events import from_json
from schemas.publisher import new_event_id
from schemas.topic import Topic

router = APIRouter(prefix=f"{V1}/events", tags=["events"])

# What agents and deciders write is a consequence of the log: a foreign row would be a lie in it.
# And an expiry deletes: `groundswell expire`; a model's promotion changes what everybody is told; a
# watched channel takes units of the day: `groundswell channels watch`.
OWNED = frozenset(
    {
        VIRALITY_SCORES,
        VIRALITY_CHANNELS,
        VIRALITY_FORECASTS,
        VIRALITY_MODELS,
        OUTLIER_BASELINES,
        OUTLIER_DETECTIONS,
        OUTLIER_CHANNEL_VIEWS,
        OUTLIER_SHIFTS,
        OUTLIER_NICHES,
        OUTLIER_ANALYSES,
        OUTLIER_CONTENT,
        GENERATION_EVENTS,
        WEBHOOK_DELIVERIES,
        PROVIDER_HEALTH,
        WATCHED_CHANNELS,
        EXPIRIES,
    }
)

MOST_EVENTS = 10_000  # of one request
_REPEATED = uuid.UUID("6f1f2f5e-6d53-4d5c-9a0e-0b8d6d5b7a10")  # namespace of ids from keys

_EXAMPLE = {
    "video_id": "v1",
    "channel_id": "c1",
    "viewer_id": "u1",
    "kind": "view",
    "watch_ms": 41000,
}

# What an event has is in its topic's schema, in the registry.
_ONE_OR_MANY = {
    "anyOf": [
        {"type": "object"},
        {"type": "array", "items": {}, "minItems": 1, "maxItems": MOST_EVENTS},
    ]
}


@router.post("/{topic}", status_code=202, summary="Publish events")
async def publish(
    topic: str,
    here: Here,
    response: Response,
    body: Annotated[
        Any, Body(examples=[_EXAMPLE, [_EXAMPLE, _EXAMPLE]]), WithJsonSchema(_ONE_OR_MANY)
    ],
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Published:
    """Publish one event or a list, and answer once the broker has acknowledged them.

    `event_id` and `occurred_at` are filled in where absent; with an `Idempotency-Key` the ids are
    made from it, so that a repeated request counts once. Events that do not fit are answered with
    the path to what is wrong; the others are published. Nothing fits: 422.
    """
    target = _target(topic)
    records = body if isinstance(body, list) else [body]
    if not 0 < len(records) <= MOST_EVENTS:
        raise ApiError(
            422,
            "VALIDATION_ERROR",
            f"validation error: body: send 1 to {MOST_EVENTS} events, not {len(records)}",
            details={"errors": [{"path": "body", "reason": f"has {len(records)} events"}]},
        )
    rejected: dict[int, InvalidEventError] = {}
    events: dict[int, dict[str, Any]] = {}
    now = dt.datetime.now(dt.UTC)
    for index, record in enumerate(records):
        try:
            event = from_json(target, record)
        except InvalidEventError as error:
            rejected[index] = error
            continue
        _fill_in(target, event, now, index, idempotency_key)
        events[index] = event
    indexes = list(events)
    outcome = await here.publishing.publish(target, list(events.values())) if events else None
    placed: list[Placed] = []
    if outcome is not None:
        rejected |= {indexes[row]: found for row, found in outcome.rejected.items()}
        placed = [
            Placed(index=indexes[row], partition=where.partition, offset=where.offset)
            for row, where in sorted(outcome.positions.items())
        ]
    wrong = [
        Rejected(index=index, path=found.path, reason=found.reason)
        for index, found in sorted(rejected.items())
    ]
    here.metrics.published.labels(target.name, "accepted").inc(len(placed))
    here.metrics.published.labels(target.name, "rejected").inc(len(wrong))
    if not placed:
        first = f"{wrong[0].path}: {wrong[0].reason}" if wrong[0].path else wrong[0].reason
        raise ApiError(
            422,
            "INVALID_EVENT",
            f"no event fits {target.name}; the first: {first}",
            details={"accepted": 0, "rejected": [one.model_dump() for one in wrong]},
        )
    if outcome is not None and outcome.last is not None:
        response.headers["X-Event-Position"] = str(outcome.last)
    return Published(accepted=len(placed), rejected=wrong, positions=placed)


def _target(name: str) -> Topic:
    try:
        topic = topic_named(name)
    except UnknownTopicError as error:
        raise ApiError(404, "NOT_FOUND", str(error), details={"topic": name}) from None
    if topic in OWNED:
        raise ApiError(
            403,
            "FORBIDDEN",
            f"{name} is written by Groundswell itself; publish the facts that it follows from",
            details={"topic": name},
        )
    return topic


def _fill_in(
    topic: Topic, event: dict[str, Any], now: dt.datetime, index: int, key: str | None
) -> None:
    if "event_id" not in event:
        event["event_id"] = (
            new_event_id()
            if key is None
            else str(uuid.uuid5(_REPEATED, f"{topic.name}\n{index}\n{key}"))
        )
    event.setdefault("occurred_at", now)
