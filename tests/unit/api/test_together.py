"""Publishing together: each request gets what became of its own events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from api.errors import ApiError, unavailable
from api.predictions.together import Together
from api.publishing import Outcome
from schemas.catalogue import VIRALITY_PREDICTIONS
from schemas.errors import InvalidEventError
from schemas.publisher import Position
from schemas.topic import Topic


class Log:
    """Takes what is even; remembers the calls."""

    def __init__(self, away: bool = False) -> None:
        self.calls: list[list[int]] = []
        self.away = away

    async def publish(self, topic: Topic, events: Sequence[dict[str, Any]]) -> Outcome:
        await asyncio.sleep(0)
        if self.away:
            raise unavailable("kafka", "away")
        numbers = [event["number"] for event in events]
        self.calls.append(numbers)
        places = range(len(numbers))
        return Outcome(
            {at: Position(topic.name, 0, numbers[at]) for at in places if numbers[at] % 2 == 0},
            {at: InvalidEventError("", f"{numbers[at]}") for at in places if numbers[at] % 2},
        )


def together(log: Log) -> Together:
    return Together(log, VIRALITY_PREDICTIONS)  # type: ignore[arg-type]


def events(*numbers: int) -> list[dict[str, Any]]:
    return [{"number": number} for number in numbers]


def test_requests_of_one_moment_are_published_at_once_and_told_apart() -> None:
    async def run() -> None:
        log = Log()
        both = together(log)
        parts = await asyncio.gather(
            both.publish(events(2)), both.publish(events(4, 5, 6)), both.publish(events(7))
        )
        assert log.calls == [[2, 4, 5, 6, 7]]
        assert [sorted(part.positions) for part in parts] == [[0], [0, 2], []]
        assert [sorted(part.rejected) for part in parts] == [[], [1], [0]]
        assert [part.last and part.last.offset for part in parts] == [2, 6, None]
        await both.publish(events(8))
        assert log.calls[1:] == [[8]]

    asyncio.run(run())


def test_everybody_hears_of_a_broker_that_is_away() -> None:
    async def run() -> None:
        both = together(Log(away=True))
        found = await asyncio.gather(
            both.publish(events(2)), both.publish(events(4)), return_exceptions=True
        )
        assert [isinstance(one, ApiError) and one.status for one in found] == [503, 503]

    asyncio.run(run())


def test_who_went_away_takes_nobody_along() -> None:
    async def run() -> None:
        log = Log()
        both = together(log)
        gone = asyncio.create_task(both.publish(events(2)))
        stays = asyncio.create_task(both.publish(events(4)))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).positions[0].offset == 4
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(run())
