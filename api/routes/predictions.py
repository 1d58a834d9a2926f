"""Predictions of videos' views."""

from __future__ import annotations

import datetime as dt
import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import TypeAdapter, ValidationError, WithJsonSchema

from api.errors import ApiError, not_found, validation_error
from api.positions import MinPosition
from api.predictions.answers import past
from api.predictions.hooks import of_batch, of_predictions, tell
from api.predictions.making import Outcome, make
from api.routes import V1
from api.routes.strictness import BadRequestRoute
from api.services import Here
from api.shapes.paging import Cursor, Keyset, instant
from api.shapes.predictions import (
    Batch,
    BatchError,
    BatchItem,
    PastPrediction,
    PastPredictions,
    Prediction,
    PredictionRequest,
    WebhookUrl,
)
from api.shapes.written import WEBHOOK
from api.users import Who
from schemas.given import Written, in_utc

router = APIRouter(prefix=V1, tags=["predictions"], route_class=BadRequestRoute)

MOST_AT_ONCE = 1_000

IdempotencyKey = Annotated[str | None, Header(max_length=200)]
# A day or an instant; a day as `date_to` is in it.
When = Annotated[dt.date | dt.datetime, Written]

_BY_AGE = Keyset("predictions", made_at=instant, prediction_id=str)
_REQUEST = TypeAdapter(PredictionRequest)
_URL: TypeAdapter[str] = TypeAdapter(WebhookUrl)
# Of its items it only says that they are there: what is wrong with one is said in its place.
_ITEMS = {"type": "array", "items": {}, "minItems": 1, "maxItems": MOST_AT_ONCE}
_BATCH = {
    "anyOf": [
        _ITEMS,
        {
            "type": "object",
            "properties": {
                "videos": _ITEMS,
                "webhook_url": {"anyOf": [{"type": "string", **WEBHOOK}, {"type": "null"}]},
            },
            "required": ["videos"],
        },
    ]
}
_EXAMPLE = {"title": "A title", "duration": 300, "upload_date": "2026-05-04"}


@router.post("/predict", summary="Predict a video's views")
async def predict(
    body: PredictionRequest,
    here: Here,
    who: Who,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Prediction:
    """Views at the horizon with a 90 % band, a score, what moves it and what would raise it.

    Before publication only what is known then counts: `like_count` and the like change nothing, and
    `ignored` says so. Counts observed after it come as `view_count` with `observed_at`.
    """
    started = time.perf_counter()
    [outcome], position = await make(
        here, [body], user_id=who.user_id, idempotency_key=idempotency_key, started=started
    )
    if isinstance(outcome, ApiError):
        raise outcome
    await tell(here, of_predictions([body], [outcome]))
    response.headers["X-Event-Position"] = str(position)
    return outcome


@router.post("/predict/batch", summary="Predict many")
async def predict_batch(
    body: Annotated[
        Any, Body(examples=[[_EXAMPLE, {**_EXAMPLE, "title": "Another"}]]), WithJsonSchema(_BATCH)
    ],
    here: Here,
    who: Who,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Batch:
    """1 to 1,000 requests, as a list or as `{"videos": [...]}`; what is wrong with one is said in
    its place and stops no other. A `webhook_url` beside `videos` is told `batch.completed`."""
    started = time.perf_counter()
    items = body.get("videos") if isinstance(body, dict) else body
    url = _webhook_url(body)
    if not isinstance(items, list) or not 0 < len(items) <= MOST_AT_ONCE:
        raise validation_error("body", f"send a list of 1 to {MOST_AT_ONCE} requests")
    read = [_read(item) for item in items]
    good = {index: one for index, one in enumerate(read) if isinstance(one, PredictionRequest)}
    made, position = await make(
        here,
        list(good.values()),
        user_id=who.user_id,
        idempotency_key=idempotency_key,
        started=started,
    )
    told = of_predictions(good.values(), made)
    outcomes = dict(zip(good, made, strict=True))
    results = [_item(index, outcomes.get(index, one)) for index, one in enumerate(read)]
    failed = sum(one.error is not None for one in results)
    if position is not None:
        response.headers["X-Event-Position"] = str(position)
    batch = Batch(
        results=results,
        total=len(results),
        succeeded=len(results) - failed,
        failed=failed,
        processing_time=round(time.perf_counter() - started, 6),
    )
    if url is not None:
        told.append(of_batch(url, batch, user_id=who.user_id, key=idempotency_key))
    await tell(here, told)
    return batch


@router.get("/predictions", summary="Predictions made")
async def predictions(
    here: Here,
    who: Who,
    at_least: MinPosition,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    category: Annotated[str | None, Query(max_length=100)] = None,
    date_from: When | None = None,
    date_to: When | None = None,
    cursor: Cursor = None,
) -> PastPredictions:
    """One's own, newest first, each with what became of it; moderators see everybody's.

    With `cursor` no page is passed over, whatever `page` says.
    """
    await at_least.of(here.database, "predictions")
    asked = {
        "user_id": who.reads,
        "category": category,
        "since": _instant(date_from, dt.timedelta()),
        "until": _instant(date_to, dt.timedelta(days=1)),
    }
    passed = 0 if cursor else (page - 1) * limit
    where = {**asked, **_BY_AGE.after(cursor), "limit": limit, "offset": passed}
    rows = await here.database.all("predictions.page", where)
    found = await here.database.one("predictions.total", asked)
    total = found["total"] if found else 0
    return PastPredictions(
        items=[past(row) for row in rows],
        total=total,
        page=page,
        limit=limit,
        pages=-(-total // limit),
        next_cursor=_BY_AGE.cursor(rows, limit),
    )


@router.get("/predictions/{prediction_id}", summary="A prediction made")
async def prediction(
    prediction_id: str, here: Here, who: Who, at_least: MinPosition
) -> PastPrediction:
    """What was predicted, and what became of it."""
    await at_least.of(here.database, "predictions")
    row = await here.database.one("predictions.one", {"id": prediction_id, "user_id": who.reads})
    if row is None:
        raise not_found("prediction", prediction_id)
    return past(row)


def _read(item: Any) -> PredictionRequest | ApiError:
    try:
        return _REQUEST.validate_python(item)
    except ValidationError as error:
        first = error.errors()[0]
        return validation_error(".".join(map(str, first["loc"])), first["msg"])


def _webhook_url(body: Any) -> str | None:
    url = body.get("webhook_url") if isinstance(body, dict) else None
    if url is None:
        return None
    try:
        return _URL.validate_python(url)
    except ValidationError as error:
        raise validation_error("body.webhook_url", error.errors()[0]["msg"]) from None


def _item(index: int, outcome: PredictionRequest | Outcome) -> BatchItem:
    match outcome:
        case ApiError():
            wrong = BatchError(
                error=outcome.message, error_code=outcome.code, details=outcome.details
            )
            return BatchItem(index=index, error=wrong)
        case Prediction():
            return BatchItem(index=index, prediction=outcome)
    raise AssertionError("every good request has an outcome")


def _instant(when: When | None, whole_day: dt.timedelta) -> dt.datetime | None:
    if when is None:
        return None
    if isinstance(when, dt.datetime):
        return in_utc(when)
    # The calendar's last day has none behind it.
    begun = dt.datetime.combine(when, dt.time(), dt.UTC)
    return begun + min(whole_day, dt.datetime.max.replace(tzinfo=dt.UTC) - begun)
