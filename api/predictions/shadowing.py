"""What a shadow would have said of the predictions that were made: into the log, behind the answer.

Nobody waits for it and nothing that goes wrong here reaches a request: a prediction that the shadow
fails at, or that comes while too many wait, goes without the shadow's word, and is counted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
import structlog

from api.delivery import Outcome
from api.predictions.asked import Asked
from api.predictions.desk import rows_of

MOST_ROWS = 128  # of a batch
MOST_WAITING = 5_000  # predictions; what comes beyond goes without the shadow's word
PAUSE_S = 0.25  # between batches: a call of a model costs far more than a row does

_NAMESPACE = uuid.UUID("2f6a4c1e-59a5-5e0b-9f0f-5f9f2f4f7c55")

log = structlog.get_logger()


class Shadow(Protocol):
    """What is asked of a shadow."""

    @property
    def version(self) -> str:
        """Its name."""

    def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
        """Views, score and stage of each moment."""


@dataclass(frozen=True, slots=True)
class Made:
    """A prediction that was made, and the moment (a row of `MOMENT`) that it was made of."""

    prediction_id: str
    made_at: dt.datetime
    asked: Asked
    moment: dict[str, Any]


class Shadowing:
    """Takes predictions, forecasts their moments with the shadow, publishes what it says.

    Args:
        shadow: the model beside the one that serves, None where there is none; asked anew for
            every batch.
        publish: takes events to `virality.predictions.v1`.

    Attributes:
        scored, failed, dropped: predictions that the shadow had its word on, that it or the log
            failed at, and that came when too many waited.
    """

    def __init__(
        self,
        shadow: Callable[[], Shadow | None],
        publish: Callable[[Sequence[dict[str, Any]]], Awaitable[Outcome]],
    ) -> None:
        self.scored = 0
        self.failed = 0
        self.dropped = 0
        self._shadow = shadow
        self._publish = publish
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._waiting: deque[Made] = deque()
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._said = ""  # the last reason in the log: a broken shadow would fill it

    def start(self) -> None:
        """Start forecasting."""
        self._task = asyncio.create_task(self._serve(), name="shadow")

    async def close(self) -> None:
        """Stop; what waits goes without."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown()

    def take(self, made: Iterable[Made]) -> None:
        """Have these forecast some time soon, if there is a shadow. Neither waits nor raises."""
        if self._shadow() is None:
            return
        for one in made:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(one)
            else:
                self.dropped += 1
        if self._waiting:
            self._some.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            await asyncio.sleep(PAUSE_S)
            batch = [self._waiting.popleft() for _ in range(min(MOST_ROWS, len(self._waiting)))]
            if not self._waiting:
                self._some.clear()
            shadow = self._shadow()
            if shadow is None:
                continue
            try:
                events = await loop.run_in_executor(self._thread, self._events, shadow, batch)
                outcome = await self._publish(events) if events else Outcome()
            except Exception as error:
                self._failed(len(batch), shadow, error)
                continue
            self.scored += len(outcome.positions)
            self._failed(len(batch) - len(outcome.positions), shadow)

    def _events(self, shadow: Shadow, batch: Sequence[Made]) -> list[dict[str, Any]]:
        try:
            return events_of(shadow, batch)
        except Exception as error:
            if len(batch) == 1:
                self._tell(shadow, error)
                return []
            # The fault of one of them: the others shall not fail with it.
            return [event for one in batch for event in self._events(shadow, [one])]

    def _failed(self, count: int, shadow: Shadow, error: Exception | None = None) -> None:
        self.failed += count
        if error is not None:
            self._tell(shadow, error)

    def _tell(self, shadow: Shadow, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if reason != self._said:
            self._said = reason
            log.warning("no forecast of the shadow", version=shadow.version, error=reason)


def events_of(shadow: Shadow, batch: Sequence[Made]) -> list[dict[str, Any]]:
    """PredictionShadowed of each; the same prediction and shadow have the same event's identity.

    A prediction for an age that the shadow has no forecast of has none.
    """
    said = shadow.forecast(rows_of([one.moment for one in batch]))
    found = []
    for one, row in zip(batch, said.iter_rows(named=True), strict=True):
        views = f"predicted_views_{one.asked.horizon}"
        if row[views] is None:
            continue
        found.append(
            {
                "_type": "PredictionShadowed",
                "event_id": str(uuid.uuid5(_NAMESPACE, f"{one.prediction_id}\n{shadow.version}")),
                "occurred_at": one.made_at,
                "prediction_id": one.prediction_id,
                "predicted_views": row[views],
                "lower": row[f"{views}_lower"],
                "upper": row[f"{views}_upper"],
                "model_version": shadow.version,
                "horizon_h": one.asked.horizon_h,
                "score": row["score"],
                "stage": row["stage"],
            }
        )
    return found
