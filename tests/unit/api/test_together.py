"""Together: each request gets what was found for its own items."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from api.errors import ApiError, unavailable, validation_error
from api.predictions.together import Together


class Tables:
    """Finds the square of a number; remembers the calls. A negative number is a mistake."""

    def __init__(self, away: bool = False) -> None:
        self.calls: list[list[int]] = []
        self.away = away

    async def squares(self, numbers: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        if self.away:
            raise unavailable("tables", "away")
        self.calls.append(list(numbers))
        if min(numbers) < 0:
            raise validation_error("number", "it is negative")
        return [number**2 for number in numbers]


def test_requests_of_one_moment_are_one_call_and_told_apart() -> None:
    async def run() -> None:
        tables = Tables()
        both = Together(tables.squares)
        parts = await asyncio.gather(both.of([2]), both.of([4, 5, 6]), both.of([7]))
        assert tables.calls == [[2, 4, 5, 6, 7]]
        assert parts == [[4], [16, 25, 36], [49]]
        assert await both.of([8]) == [64]
        assert tables.calls[1:] == [[8]]

    asyncio.run(run())


def test_everybody_hears_of_a_server_that_is_away() -> None:
    async def run() -> None:
        both = Together(Tables(away=True).squares)
        found = await asyncio.gather(both.of([2]), both.of([4]), return_exceptions=True)
        assert [isinstance(one, ApiError) and one.status for one in found] == [503, 503]

    asyncio.run(run())


def test_the_mistake_of_one_is_not_that_of_the_others() -> None:
    async def run() -> None:
        both = Together(Tables().squares)
        good, bad, other = await asyncio.gather(
            both.of([2]), both.of([3, -1]), both.of([4]), return_exceptions=True
        )
        assert (good, other) == ([4], [16])
        assert isinstance(bad, ApiError)
        assert bad.status == 400

    asyncio.run(run())


def test_who_went_away_takes_nobody_along() -> None:
    async def run() -> None:
        both = Together(Tables().squares)
        gone = asyncio.create_task(both.of([2]))
        stays = asyncio.create_task(both.of([4]))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == [16]
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(run())
