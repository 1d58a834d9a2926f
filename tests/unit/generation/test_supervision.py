from __future__ import annotations

import asyncio
import contextlib

import pytest

from streams.generation.providers.provider import ProviderError
from streams.generation.work.supervision import Limits, supervised
from streams.generation.work.watchdog import Deadline

FOREVER = 3600.0


class Noted(Deadline):
    """Keeps what is asked of it."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.asked: list[float] = []

    def within(self, seconds: float) -> None:
        self.asked.append(seconds)


def test_the_answer_of_work_that_ends_in_time_is_given() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(supervised(work(), Limits(5, 6), Noted())) == 7


def test_work_that_takes_too_long_is_stopped_and_has_failed() -> None:
    stopped = []

    async def work() -> None:
        try:
            await asyncio.sleep(FOREVER)
        finally:
            stopped.append(True)

    with pytest.raises(ProviderError, match=r"took longer than 0\.05 s"):
        asyncio.run(supervised(work(), Limits(0.05, 1), Noted()))
    assert stopped


def test_an_answer_that_comes_after_the_limit_is_none() -> None:
    async def work() -> int:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(FOREVER)
        return 7

    with pytest.raises(ProviderError, match="took longer"):
        asyncio.run(supervised(work(), Limits(0.05, 1), Noted()))


def test_whoever_is_cancelled_waits_until_the_work_has_stopped() -> None:
    async def scenario() -> None:
        begun, deadline, stopped = asyncio.Event(), Noted(), []

        async def work() -> None:
            begun.set()
            try:
                await asyncio.sleep(FOREVER)
            finally:
                await asyncio.sleep(0.05)
                stopped.append(True)

        task = asyncio.create_task(supervised(work(), Limits(3600, 4000), deadline))
        await begun.wait()
        for _ in range(3):  # asked more than once
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stopped
        assert deadline.asked == [400.0]

    asyncio.run(scenario())


def test_work_that_gives_itself_up_has_failed() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ProviderError, match="gave up"):
        asyncio.run(supervised(work(), Limits(5, 6), Noted()))
