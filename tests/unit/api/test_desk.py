"""The desk: many at once, each in its place, nobody for another's fault."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from typing import Any

import polars as pl
import pytest

from api.errors import ApiError
from api.predictions.desk import MOST_ROWS, MOST_WAITING, Desk, Forecast
from tests.integration.api.stand_in import StandIn

AT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


def moment(seconds: int, title: str = "t") -> dict[str, Any]:
    return {
        "at": AT,
        "published_at": AT,
        "title": title,
        "duration_s": seconds,
        "history": [],
        "observed": [],
    }


class Watched(StandIn):
    """Remembers its batches; the first waits to be let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()

    def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
        self.batches.append(moments["duration_s"].to_list())
        assert self.go.wait(60)
        return super().forecast(moments)


def views(answer: Forecast | Exception) -> float:
    assert isinstance(answer, Forecast)
    found: float = answer.views["predicted_views_24h"]
    return found


async def begun(model: Watched) -> None:
    while not model.batches:
        await asyncio.sleep(0.001)


def test_what_comes_while_the_model_works_is_its_next_batch() -> None:
    async def run() -> None:
        model = Watched()
        desk = Desk(lambda: model)
        desk.start()
        first = asyncio.create_task(desk.forecast([moment(1)]))
        await begun(model)
        many = asyncio.create_task(desk.forecast([moment(n) for n in range(100, 300)]))
        singles = [asyncio.create_task(desk.forecast([moment(n)])) for n in range(2, 7)]
        await asyncio.sleep(0)
        model.go.set()
        answers = await asyncio.gather(first, *singles, many)
        assert [views(one[0]) for one in answers[:-1]] == [100.0 * n for n in range(1, 7)]
        assert [views(one) for one in answers[-1]] == [100.0 * n for n in range(100, 300)]
        assert model.batches[0] == [1]
        assert model.batches[1][:5] == [2, 3, 4, 5, 6]  # before the many, who came earlier
        assert [len(batch) for batch in model.batches[1:]] == [MOST_ROWS, 205 - MOST_ROWS]
        assert (desk.forecasts, desk.batches) == (206, 3)
        await desk.close()

    asyncio.run(run())


def test_one_that_breaks_the_model_breaks_nobody_else() -> None:
    async def run() -> None:
        desk = Desk(StandIn)
        desk.start()
        found = await desk.forecast([moment(1), moment(2, "bad"), moment(3)])
        assert [views(found[0]), views(found[2])] == [100, 300]
        assert isinstance(found[1], ArithmeticError)
        await desk.close()

    asyncio.run(run())


def test_who_went_away_is_not_forecast_and_holds_up_nobody() -> None:
    async def run() -> None:
        model = Watched()
        desk = Desk(lambda: model)
        desk.start()
        first = asyncio.create_task(desk.forecast([moment(1)]))
        await begun(model)
        gone = asyncio.create_task(desk.forecast([moment(2)]))
        await asyncio.sleep(0)
        gone.cancel()
        stays = asyncio.create_task(desk.forecast([moment(3)]))
        await asyncio.sleep(0)
        model.go.set()
        await asyncio.gather(first, stays)
        assert model.batches == [[1], [3]]
        await desk.close()

    asyncio.run(run())


def test_a_model_that_was_promoted_makes_the_next_batch() -> None:
    class Next(StandIn):
        version = "stand-in-2"

    async def run() -> None:
        serving: list[StandIn] = [StandIn()]
        desk = Desk(lambda: serving[0])
        desk.start()
        [before] = await desk.forecast([moment(1)])
        serving[0] = Next()
        [after] = await desk.forecast([moment(1)])
        assert isinstance(before, Forecast)
        assert isinstance(after, Forecast)
        assert (before.model_version, after.model_version) == ("stand-in-1", "stand-in-2")
        await desk.close()

    asyncio.run(run())


def test_a_desk_that_closes_leaves_nobody_waiting() -> None:
    async def run() -> None:
        desk = Desk(StandIn)  # never started: nobody serves
        waiting = asyncio.create_task(desk.forecast([moment(1)]))
        await asyncio.sleep(0)
        await desk.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(run())


def test_more_than_the_model_can_soon_answer_is_asked_to_come_back() -> None:
    async def run() -> None:
        desk = Desk(StandIn)
        many = asyncio.create_task(desk.forecast([moment(n) for n in range(MOST_WAITING)]))
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await desk.forecast([moment(1)])
        assert (refused.value.status, refused.value.code) == (503, "MODELS_UNAVAILABLE")
        desk.start()
        assert len(await many) == MOST_WAITING
        assert views((await desk.forecast([moment(1)]))[0]) == 100
        await desk.close()

    asyncio.run(run())
