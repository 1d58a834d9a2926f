"""The shadow: behind the answer, never in its way."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from api.delivery import Outcome, Placed
from api.errors import unavailable
from api.predictions import shadowing
from api.predictions.asked import read
from api.predictions.shadowing import MOST_ROWS, Made, Shadowing
from api.shapes.predictions import PredictionRequest
from tests.integration.api.stand_in import StandIn

AT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


def made(number: int, title: str = "t", **facts: Any) -> Made:
    """A prediction of a video of so many seconds."""
    request = PredictionRequest.model_validate(
        {"title": title, "duration": number, "upload_date": "2026-05-04", **facts}
    )
    asked = read(request, AT, None, [])
    return Made(f"p{number}", AT, asked, asked.moment([]))


class Log:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.away = False

    async def publish(self, events: Sequence[dict[str, Any]]) -> Outcome:
        await asyncio.sleep(0)
        if self.away:
            raise unavailable("kafka", "away")
        self.events += events
        return Outcome("t", [Placed(at, 0, at) for at in range(len(events))])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "PAUSE_S", 0.001)


async def until(shadow: Shadowing, count: int) -> None:
    async with asyncio.timeout(20):
        while shadow.scored + shadow.failed < count:
            await asyncio.sleep(0.001)


def test_what_it_says_of_the_same_moment_and_age_is_an_event() -> None:
    async def run() -> None:
        log = Log()
        shadow = Shadowing(StandIn, log.publish)
        shadow.start()
        shadow.take([made(10), made(20, horizon="24h")])
        await until(shadow, 2)
        await shadow.close()
        week, day = log.events
        assert (week["prediction_id"], week["model_version"]) == ("p10", "stand-in-1")
        assert (week["predicted_views"], week["lower"], week["upper"]) == (2_000, 1_000, 4_000)
        assert (week["horizon_h"], week["stage"], week["score"]) == (168, "before", 25)
        assert week["occurred_at"] == AT
        assert (day["predicted_views"], day["horizon_h"]) == (2_000, 24)
        assert (shadow.scored, shadow.failed, shadow.dropped) == (2, 0, 0)
        again = shadowing.events_of(StandIn(), [made(10)])
        assert again[0]["event_id"] == week["event_id"] != day["event_id"]

    asyncio.run(run())


def test_taking_waits_for_nothing_and_batches_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "MOST_WAITING", 300)
    go = threading.Event()
    batches: list[int] = []

    class Slow(StandIn):
        def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
            batches.append(moments.height)
            assert go.wait(60)
            return super().forecast(moments)

    async def run() -> None:
        log = Log()
        shadow = Shadowing(Slow, log.publish)
        shadow.start()
        shadow.take([made(1)])
        while not batches:
            await asyncio.sleep(0.001)
        shadow.take([made(n) for n in range(2, 322)])  # returns though the shadow is at work
        assert shadow.dropped == 20
        go.set()
        await until(shadow, 301)
        await shadow.close()
        assert batches == [1, MOST_ROWS, MOST_ROWS, 300 - 2 * MOST_ROWS]
        assert [one["prediction_id"] for one in log.events] == [f"p{n}" for n in range(1, 302)]

    asyncio.run(run())


def test_one_that_it_fails_at_goes_without_and_so_does_what_the_log_refuses() -> None:
    async def run() -> None:
        log = Log()
        shadow = Shadowing(StandIn, log.publish)
        shadow.start()
        shadow.take([made(1), made(2, "bad"), made(3)])
        await until(shadow, 3)
        assert [one["prediction_id"] for one in log.events] == ["p1", "p3"]
        log.away = True
        shadow.take([made(4)])
        await until(shadow, 4)
        log.away = False
        shadow.take([made(5)])
        await until(shadow, 5)
        await shadow.close()
        assert [one["prediction_id"] for one in log.events] == ["p1", "p3", "p5"]
        assert (shadow.scored, shadow.failed) == (3, 2)

    asyncio.run(run())


def test_without_a_shadow_nothing_is_kept() -> None:
    async def run() -> None:
        there: list[StandIn | None] = [None]
        log = Log()
        shadow = Shadowing(lambda: there[0], log.publish)
        shadow.start()
        shadow.take([made(1)])
        there[0] = StandIn()
        shadow.take([made(2)])
        await until(shadow, 1)
        there[0] = None
        shadow.take([made(3)])
        await asyncio.sleep(0.01)
        await shadow.close()
        assert [one["prediction_id"] for one in log.events] == ["p2"]

    asyncio.run(run())
