"""The pace of predictions: who is alone does not wait, who comes soon after goes in a group."""

from __future__ import annotations

import asyncio

import pytest

from api.predictions.pace import Pace


def test_who_is_alone_passes_at_once() -> None:
    async def run() -> None:
        pace = Pace(every_s=3600)
        async with asyncio.timeout(60):
            await pace.passed()

    asyncio.run(run())


def test_those_who_come_soon_after_wait_and_pass_together_in_order() -> None:
    async def run() -> None:
        pace = Pace(every_s=3600)
        passed: list[int] = []

        async def one(number: int) -> None:
            await pace.passed()
            passed.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(6)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert passed == [0]
        pace.open()
        await asyncio.gather(*tasks)
        assert passed == [0, 1, 2, 3, 4, 5]
        late = asyncio.create_task(one(6))
        for _ in range(10):
            await asyncio.sleep(0)
        assert passed[-1] == 5
        pace.open()
        await late

    asyncio.run(run())


def test_who_went_away_takes_nobody_along() -> None:
    async def run() -> None:
        pace = Pace(every_s=0.01)
        await pace.passed()
        gone, stays = (asyncio.create_task(pace.passed()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        async with asyncio.timeout(60):
            await stays
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(run())
