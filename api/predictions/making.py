"""Making predictions: looked up, forecast, into the log, answered."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from api.database import Row
from api.errors import ApiError, validation_error
from api.predictions.answers import answer, expected_at, rounded_score
from api.predictions.asked import Asked, read
from api.predictions.desk import Forecast
from api.predictions.shadowing import Made
from api.services import Services
from api.shapes.predictions import Prediction, PredictionRequest
from schemas.errors import InvalidEventError
from schemas.publisher import Position, new_event_id

_FROM_KEY = uuid.UUID("7c8f7d0a-3a55-4d0e-9a36-5d3c2a6c8b11")  # namespace of ids made from keys

Outcome = Prediction | ApiError


async def make(
    here: Services,
    requests: Sequence[PredictionRequest],
    *,
    user_id: str | None,
    idempotency_key: str | None,
    started: float,
) -> tuple[list[Outcome], Position | None]:
    """Predict; what was predicted is in the log before it is answered.

    Args:
        started: `time.perf_counter()` at which the request came.

    Returns:
        For each request its prediction or why there is none, and where the last one stands.

    Raises:
        ApiError: 503: a server is away.
    """
    now = dt.datetime.now(dt.UTC)
    read_ones = await _read(here, requests, now)
    asked = {index: one for index, one in enumerate(read_ones) if isinstance(one, Asked)}
    await here.pace.passed()
    found_histories = await here.histories.of(list(asked.values())) if asked else []
    histories = dict(zip(asked, found_histories, strict=True))
    moments = [one.moment(histories.get(index, ())) for index, one in asked.items()]
    forecasts = dict(zip(asked, await here.desk.forecast(moments), strict=True))
    found = {index: one for index, one in forecasts.items() if isinstance(one, Forecast)}
    ids = {index: _identity(idempotency_key, user_id, index) for index in found}
    events = [_event(asked[index], found[index], ids[index], user_id, now) for index in found]
    rejected, position = await _published(here, list(found), events)
    here.shadowing.take(
        Made(ids[index], now, asked[index], moment)
        for index, moment in zip(asked, moments, strict=True)
        if index in found and index not in rejected
    )
    seconds = time.perf_counter() - started
    outcomes: list[Outcome] = []
    for index, one in enumerate(read_ones):
        if not isinstance(one, Asked):
            outcomes.append(one)
        elif index not in found:
            outcomes.append(_failed())
        elif index in rejected:
            outcomes.append(rejected[index])
        else:
            outcomes.append(
                answer(
                    one,
                    found[index],
                    prediction_id=ids[index],
                    of_channel=bool(histories.get(index)),
                    made_at=now,
                    seconds=seconds,
                )
            )
    return outcomes, position


async def _read(
    here: Services, requests: Sequence[PredictionRequest], now: dt.datetime
) -> list[Asked | ApiError]:
    ids = sorted({one.video_id for one in requests if one.video_id is not None})
    known: dict[str, Row] = {}
    seen: dict[str, list[Row]] = {}
    if ids:
        rows = await here.database.all("predictions.videos", {"ids": ids})
        known = {row["video_id"]: row for row in rows}
        asked = {"ids": list(known), "now": now}
        for row in await here.database.all("predictions.observations", asked):
            seen.setdefault(row.pop("video_id"), []).append(row)
    outcomes: list[Asked | ApiError] = []
    for one in requests:
        video = one.video_id or ""
        try:
            outcomes.append(read(one, now, known.get(video), seen.get(video, [])))
        except ApiError as error:
            outcomes.append(error)
    return outcomes


async def _published(
    here: Services, indexes: Sequence[int], events: Sequence[dict[str, Any]]
) -> tuple[dict[int, ApiError], Position | None]:
    """What the log does not take, by index of the request; where the last event stands."""
    outcomes = await here.predictions.of(events) if events else []
    rejected = {
        index: validation_error(one.path, one.reason)
        for index, one in zip(indexes, outcomes, strict=True)
        if isinstance(one, InvalidEventError)
    }
    accepted = [one for one in outcomes if isinstance(one, Position)]
    return rejected, accepted[-1] if accepted else None


def _failed() -> ApiError:
    return ApiError(
        500, "PREDICTION_FAILED", "the model fails at this one; the log of the API says why"
    )


def _event(
    asked: Asked, forecast: Forecast, prediction_id: str, user_id: str | None, now: dt.datetime
) -> dict[str, Any]:
    expected = expected_at(forecast.views, asked.horizon)
    if expected is None:
        raise ValueError(f"{forecast.model_version} has no forecast for {asked.horizon}")
    request = asked.request.model_dump(mode="json", exclude_unset=True, exclude={"webhook_url"})
    return {
        "_type": "PredictionMade",
        "event_id": new_event_id(),
        "occurred_at": now,
        "prediction_id": prediction_id,
        "video_id": asked.request.video_id,
        "title": asked.request.title,
        "category": asked.category,
        "request": json.dumps(request, sort_keys=True, separators=(",", ":")),
        "predicted_views": float(expected.predicted_views),
        "lower": float(expected.confidence_lower),
        "upper": float(expected.confidence_upper),
        "model_version": forecast.model_version,
        "channel_id": asked.channel_id,
        "user_id": user_id,
        "horizon_h": asked.horizon_h,
        "due_at": asked.due_at,
        "score": rounded_score(forecast),
        "stage": forecast.views["stage"],
    }


def _identity(key: str | None, user_id: str | None, index: int) -> str:
    """The same user's same key is the same prediction, of which the log's first counts."""
    if key is None:
        return new_event_id()
    return str(uuid.uuid5(_FROM_KEY, f"{user_id}\n{index}\n{key}"))
