"""Facts from outside, on their way into the log."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import pydantic_core
from fastapi import APIRouter, Request, Response

from api.delivery import Placed
from api.errors import ApiError, ErrorEnvelope
from api.once.header import IdempotencyKey
from api.routes import V1
from api.services import Here
from api.shapes.events import Published, Rejected
from api.users import Who
from schemas.catalogue import (
    EXPIRIES,
    GENERATION_EVENTS,
    IDENTITY_EVENTS,
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
        IDENTITY_EVENTS,
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

_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "title": "Body",
                "description": "One event, or a list of them. What an event has is in its topic's "
                "schema, in the registry.",
                "anyOf": [
                    {"type": "object"},
                    {"type": "array", "items": {}, "minItems": 1, "maxItems": MOST_EVENTS},
                ],
                "examples": [_EXAMPLE, [_EXAMPLE, _EXAMPLE]],
            }
        }
    },
}


@router.post(
    "/{topic}",
    status_code=202,
    summary="Publish events",
    response_model=Published,
    openapi_extra={"requestBody": _BODY},
    responses={
        429: {"model": ErrorEnvelope, "description": "More waits for the broker than is taken."}
    },
)
async def publish(
    topic: str,
    here: Here,
    who: Who,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Publish one event or a list, and answer once the broker has acknowledged them.

    `event_id` and `occurred_at` are filled in where absent; with an `Idempotency-Key` the ids are
    made from it, so that a repeated request counts once. Events that do not fit are answered with
    the path to what is wrong; the others are published. Nothing fits: 422. More is open than the
    broker keeps up with: 429.
    """
    target = _target(topic)
    body = await _body(request)
    reading = Reading(target, body, _own_key(who, idempotency_key))
    outcome = await here.publishing.publish_read(target, reading.events, size=len(body))
    rejected = sorted(
        [
            *reading.rejected.items(),
            *((reading.indexes[row], error) for row, error in outcome.rejected.items()),
        ],
        key=itemgetter(0),
    )
    wrong = [
        Rejected(index=index, path=error.path, reason=error.reason) for index, error in rejected
    ]
    here.metrics.published.labels(target.name, "accepted").inc(len(outcome.placed))
    here.metrics.published.labels(target.name, "rejected").inc(len(wrong))
    if not outcome.placed:
        first = f"{wrong[0].path}: {wrong[0].reason}" if wrong[0].path else wrong[0].reason
        raise ApiError(
            422,
            "INVALID_EVENT",
            f"no event fits {target.name}; the first: {first}",
            details={"accepted": 0, "rejected": [one.model_dump() for one in wrong]},
        )
    return Response(
        _published(reading.indexes, outcome.placed, wrong),
        status_code=202,
        headers={"X-Event-Position": str(outcome.last)},
        media_type="application/json",
    )


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise _unreadable(f"send JSON with Content-Type: application/json, not {kind or 'none'!r}")
    return await request.body()


class Reading:
    """The events of one request, read in a thread.

    Attributes:
        indexes: of each event its place in the request.
        rejected: what is wrong with those that are none, by that place.
    """

    def __init__(self, topic: Topic, body: bytes, key: str | None) -> None:
        self._topic = topic
        self._body = body
        self._key = key
        self.indexes: Sequence[int] = []
        self.rejected: dict[int, InvalidEventError] = {}

    def events(self) -> list[dict[str, Any]]:
        """Read them.

        Raises:
            ApiError: 422: it is no JSON, or not 1 to `MOST_EVENTS` events.
        """
        body = parsed(self._body)
        records = body if isinstance(body, list) else [body]
        if not 0 < len(records) <= MOST_EVENTS:
            raise ApiError(
                422,
                "VALIDATION_ERROR",
                f"validation error: body: send 1 to {MOST_EVENTS} events, not {len(records)}",
                details={"errors": [{"path": "body", "reason": f"has {len(records)} events"}]},
            )
        events, indexes = [], []
        now = dt.datetime.now(dt.UTC)
        for index, record in enumerate(records):
            try:
                event = from_json(self._topic, record)
            except InvalidEventError as error:
                self.rejected[index] = error
                continue
            _fill_in(self._topic, event, now, index, self._key)
            events.append(event)
            indexes.append(index)
        self.indexes = indexes
        return events


def parsed(body: bytes) -> Any:
    """A body's JSON.

    Raises:
        ApiError: 422: it is none.
    """
    try:
        return pydantic_core.from_json(body, cache_strings="keys")
    except ValueError:  # halves of surrogate pairs too, which are the fault of one event
        pass
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"is no JSON: {error}") from None


def _unreadable(reason: str) -> ApiError:
    return ApiError(
        422,
        "VALIDATION_ERROR",
        f"validation error: body: {reason}",
        details={"errors": [{"path": "body", "reason": reason}]},
    )


def _published(indexes: Sequence[int], placed: Sequence[Placed], wrong: list[Rejected]) -> str:
    """`Published` as JSON: of ten thousand events a model each would take longer than the rest."""
    positions = ",".join(
        f'{{"index":{indexes[row]},"partition":{partition},"offset":{offset}}}'
        for row, partition, offset in placed
    )
    rejected = json.dumps([one.model_dump() for one in wrong])
    return f'{{"accepted":{len(placed)},"rejected":{rejected},"positions":[{positions}]}}'


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


def _own_key(who: Who, key: str | None) -> str | None:
    """A key as its user's own: another's same one must not make the same ids."""
    user_id = who.principal.user_id
    return key if key is None or user_id is None else f"{user_id}\n{key}"


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
