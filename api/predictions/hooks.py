"""Predictions told to a `webhook_url`, beside the answer that has them too.

They are queued after the log has them and before the answer: who is answered can rely on it, and
who is not asks again with the same `Idempotency-Key`, which gives the same ids.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import psycopg

from api.errors import unavailable
from api.predictions.making import Outcome
from api.services import Services
from api.shapes.predictions import Batch, Prediction, PredictionRequest
from schemas.publisher import new_event_id
from streams.webhooks.delivery import Delivery, defer, delivery


async def tell(here: Services, told: Sequence[Delivery]) -> None:
    """Queue deliveries, all or none.

    Raises:
        ApiError: 503: the work queue was never made.
        psycopg.OperationalError: PostgreSQL is away.
    """
    if not told:
        return
    try:
        async with here.database.pool.connection() as connection, connection.transaction():
            for one in told:
                await defer(connection, one)
    except (psycopg.errors.UndefinedObject, psycopg.errors.UndefinedFunction):
        raise unavailable(
            "webhooks", "the work queue is not there yet: is the dispatcher running?"
        ) from None


def of_predictions(
    requests: Iterable[PredictionRequest], outcomes: Iterable[Outcome]
) -> list[Delivery]:
    """`prediction.completed` for each prediction whose request has a `webhook_url`."""
    return [
        delivery(
            request.webhook_url,
            "prediction.completed",
            outcome.prediction_id,
            outcome.timestamp,
            {
                "video_id": request.video_id,
                "title": request.title,
                **outcome.model_dump(mode="json"),
            },
        )
        for request, outcome in zip(requests, outcomes, strict=True)
        if request.webhook_url is not None and isinstance(outcome, Prediction)
    ]


def of_batch(url: str, batch: Batch, *, user_id: str | None, key: str | None) -> Delivery:
    """`batch.completed`: what became of each item, by its index.

    Args:
        key: the request's `Idempotency-Key`.
    """
    results = [
        {
            "index": item.index,
            "prediction_id": item.prediction.prediction_id if item.prediction else None,
            "error": item.error.error if item.error else None,
        }
        for item in batch.results
    ]
    about = new_event_id() if key is None else f"{user_id}\n{key}"
    facts = batch.model_dump(mode="json", include={"total", "succeeded", "failed"})
    return delivery(
        url, "batch.completed", about, dt.datetime.now(dt.UTC), {**facts, "results": results}
    )
