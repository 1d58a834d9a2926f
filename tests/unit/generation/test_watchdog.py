from __future__ import annotations

import asyncio
import threading
import time

from streams.generation.work.watchdog import Watchdog


def watched(stall: float) -> tuple[Watchdog, threading.Event]:
    killed = threading.Event()
    return Watchdog(stall, killed.set), killed


def test_what_does_not_end_in_time_is_killed() -> None:
    async def scenario() -> None:
        dog, killed = watched(0.2)
        async with dog.watching():
            with dog.deadline(0.1):
                assert await asyncio.to_thread(killed.wait, 30)

    asyncio.run(scenario())


def test_a_deadline_can_be_brought_forward_and_not_put_off() -> None:
    async def scenario() -> None:
        dog, killed = watched(0.2)
        async with dog.watching():
            with dog.deadline(3600) as deadline:
                deadline.within(0.0)
                deadline.within(3600)
                assert await asyncio.to_thread(killed.wait, 30)

    asyncio.run(scenario())


def test_an_event_loop_that_stands_still_is_killed() -> None:
    async def scenario() -> None:
        dog, killed = watched(0.2)
        async with dog.watching():
            limit = time.monotonic() + 30
            while not killed.is_set() and time.monotonic() < limit:
                time.sleep(0.01)  # nothing else runs
            assert killed.is_set()

    asyncio.run(scenario())


def test_what_ends_in_time_is_left_alone() -> None:
    async def scenario() -> None:
        dog, killed = watched(2.0)
        async with dog.watching():
            for _ in range(3):
                with dog.deadline(0.3):
                    await asyncio.sleep(0)
            await asyncio.sleep(1.2)  # it has looked since
        assert not killed.is_set()

    asyncio.run(scenario())
