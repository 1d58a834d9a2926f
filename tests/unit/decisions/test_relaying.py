from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from streams.decisions.relay import Relay
from streams.relaying import Together


class Fake:
    """A relay that breaks down so often, then runs until it is cancelled."""

    def __init__(self, breaks: float) -> None:
        self.breaks = breaks
        self.runs = 0
        self.running = asyncio.Event()

    def made(self) -> Relay:
        return cast(Relay, self)  # it has what is used of one

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.breaks:
            raise ValueError("an event that no topic takes")
        self.running.set()
        await asyncio.Event().wait()


def makers(**fakes: Fake) -> dict[str, Callable[[], Relay]]:
    return {name: fake.made for name, fake in fakes.items()}


def test_a_relay_that_breaks_down_runs_again_and_stops_no_other() -> None:
    async def scenario() -> None:
        good, bad = Fake(0), Fake(3)
        task = asyncio.create_task(Together(makers(good=good, bad=bad), pause=0.001).run())
        await asyncio.wait_for(bad.running.wait(), 20)
        assert (good.runs, bad.runs) == (1, 4)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_when_all_are_broken_down_the_process_ends() -> None:
    async def scenario() -> None:
        fakes = makers(one=Fake(float("inf")), other=Fake(float("inf")))
        with pytest.raises(ExceptionGroup) as raised:
            await asyncio.wait_for(Together(fakes, pause=0.001).run(), 20)
        assert raised.group_contains(ValueError, match="no topic takes")

    asyncio.run(scenario())


def test_one_that_has_run_for_a_while_is_whole_again() -> None:
    async def scenario() -> None:
        one, other = Fake(1), Fake(0)
        together = Together(makers(one=one, other=other), pause=0.001, settled=0.01)
        task = asyncio.create_task(together.run())
        await asyncio.wait_for(one.running.wait(), 20)
        while together._broken:
            await asyncio.sleep(0.005)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
