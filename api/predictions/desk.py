"""Forecasts for requests, many at once: a model's cost is by call far more than by row.

While a batch is being forecast, in a thread of its own, requests gather for the next. Those who ask
for one video go before those who ask for a thousand.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
import structlog

from api.errors import unavailable
from streams.virality.models.forecaster import Answer
from streams.virality.moments import MOMENT
from streams.virality.moments_of.text import described

MOST_ROWS = 128  # of a batch: what comes meanwhile waits for that long at most
MOST_WAITING = 5_000  # moments; more are asked to come back, rather than wait for a minute

# What is counted in a description is counted by the code that all moments are made with.
_COUNTED = ("description_length", "links")
_ROWS = pl.Schema(
    {
        **{name: dtype for name, dtype in MOMENT.items() if name not in _COUNTED},
        "description": pl.String(),
    }
)

log = structlog.get_logger()


class Forecaster(Protocol):
    """What is asked of a model."""

    @property
    def version(self) -> str:
        """Its name."""

    def answer(self, moments: pl.DataFrame) -> Answer:
        """Views, score and stage of each moment, what moves it, what would raise it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a model says of one moment.

    Attributes:
        views: `predicted_views_24h`, `predicted_views_24h_lower` and so on, `score`, `stage`.
    """

    model_version: str
    views: dict[str, Any]
    reasons: list[str]
    recommendations: list[str]


@dataclass(slots=True)
class _Waiting:
    moment: dict[str, Any]
    answer: asyncio.Future[Forecast | Exception]


class Desk:
    """Takes moments, gives forecasts.

    Args:
        model: the one that serves now; asked anew for every batch.

    Attributes:
        forecasts, batches: how many were made so far.
    """

    def __init__(self, model: Callable[[], Forecaster]) -> None:
        self.forecasts = 0
        self.batches = 0
        self._model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forecast")
        self._single: deque[_Waiting] = deque()
        self._many: deque[_Waiting] = deque()
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start answering."""
        self._task = asyncio.create_task(self._serve(), name="forecasts")

    async def close(self) -> None:
        """Stop; who still waits is told so."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for one in (*self._single, *self._many):
            one.answer.cancel()
        self._thread.shutdown()

    async def forecast(self, moments: Sequence[dict[str, Any]]) -> list[Forecast | Exception]:
        """For each moment (a row of `MOMENT`) its forecast, or what the model raised.

        Raises:
            ApiError: 503: too many wait already.
        """
        if len(self._single) + len(self._many) + len(moments) > MOST_WAITING:
            raise unavailable("models", "too many predictions wait for the model; slow down")
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(moment, loop.create_future()) for moment in moments]
        (self._single if len(waiting) == 1 else self._many).extend(waiting)
        self._some.set()
        return list(await asyncio.gather(*(one.answer for one in waiting)))

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            batch = self._next()
            if not batch:
                self._some.clear()
                continue
            moments = [one.moment for one in batch]
            found = await loop.run_in_executor(self._thread, self._answers, moments)
            self.batches += 1
            self.forecasts += len(batch)
            for one, answer in zip(batch, found, strict=True):
                if not one.answer.done():  # else its request has gone
                    one.answer.set_result(answer)

    def _next(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        for queue in (self._single, self._many):
            while queue and len(batch) < MOST_ROWS:
                one = queue.popleft()
                if not one.answer.done():
                    batch.append(one)
        return batch

    def _answers(self, moments: list[dict[str, Any]]) -> list[Forecast | Exception]:
        try:
            return list(forecasts(self._model(), moments))
        except Exception as error:
            if len(moments) == 1:
                log.error("no forecast", error=type(error).__name__, exc_info=error)
                return [error]
            # The fault of one of them: the others shall not fail with it.
            return [answer for moment in moments for answer in self._answers([moment])]


def forecasts(model: Forecaster, moments: Sequence[dict[str, Any]]) -> list[Forecast]:
    """What the model says of moments (`rows_of`)."""
    frame = rows_of(moments)
    said = model.answer(frame)
    return [
        Forecast(
            model.version, row, [one.text for one in because], [one.text for one in recommended]
        )
        for row, because, recommended in zip(
            said.forecast.to_dicts(), said.reasons, said.recommendations, strict=True
        )
    ]


def rows_of(moments: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of `MOMENT`, of which some columns are counted in a `description`."""
    frame = pl.DataFrame(moments, schema=_ROWS, orient="row")
    return frame.with_columns_seq(described(frame.columns))[MOMENT.names()]
