"""When an agent flushes next."""

from __future__ import annotations

import asyncio

import pytest

from streams.columnar.pace import FlushPace

BACKLOG = 100_000_000  # offsets


async def pauses(pace: FlushPace, gone: int, within: float = 30.0) -> bool:
    """Whether the pause, which is of a tenth of a second or of a minute, is over by then."""
    try:
        await asyncio.wait_for(pace.pause(gone), within)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(("gone", "soon"), [(0, True), (100, True), (BACKLOG, False)])
def test_only_a_backlog_is_waited_for(gone: int, soon: bool) -> None:
    async def scenario() -> bool:
        return await pauses(FlushPace(60), gone, 30.0 if soon else 1.0)

    assert asyncio.run(scenario()) is soon


def test_never_longer_than_told() -> None:
    async def scenario() -> bool:
        return await pauses(FlushPace(0.2), BACKLOG)

    assert asyncio.run(scenario())


def test_once_everything_is_read_the_pause_is_over() -> None:
    async def scenario() -> list[bool]:
        pace = FlushPace(60)
        pace.everything_is_read()
        before = await pauses(pace, BACKLOG)
        pace.begin()  # what was read is in this flush
        again = await pauses(pace, BACKLOG, 1.0)
        asyncio.get_running_loop().call_later(0.3, pace.everything_is_read)
        return [before, again, await pauses(pace, BACKLOG)]

    assert asyncio.run(scenario()) == [True, False, True]
