"""The hub of live updates, without a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from api.live import BEHIND, KEPT, LiveHub
from api.metrics import Metrics


async def _no_pulse() -> dict[str, Any]:
    return {}


def hub() -> LiveHub:
    return LiveHub("postgresql://unused", Metrics(), _no_pulse)


def tell(live: LiveHub, number: int, name: str = "videos") -> None:
    live._tell("projection", frozenset({name}), f'{{"n": {number}}}')


async def take(stream: AsyncIterator[str], count: int) -> list[str]:
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


async def opened(
    live: LiveHub, wanted: frozenset[str] = frozenset(), last: str | None = None
) -> tuple[AsyncIterator[str], str]:
    stream = live.stream(wanted, last)
    return stream, "".join(await take(stream, 2))


def identity(text: str) -> str:
    return text.partition("id: ")[2].partition("\n")[0]


def test_a_listener_hears_what_it_asked_for_and_no_more() -> None:
    async def story() -> None:
        live = hub()
        stream, hello = await opened(live, frozenset({"jobs"}))
        assert '"resumed": false' in hello
        tell(live, 1, "videos")
        tell(live, 2, "jobs")
        (text,) = await take(stream, 1)
        assert '"n": 2' in text

    asyncio.run(story())


def test_one_who_comes_back_gets_what_was_missed_in_order() -> None:
    async def story() -> None:
        live = hub()
        stream, _ = await opened(live)
        tell(live, 1)
        (first,) = await take(stream, 1)
        tell(live, 2)
        tell(live, 3)
        again, hello = await opened(live, last=identity(first))
        assert '"resumed": true' in hello
        texts = await take(again, 2)
        assert ['"n": 2' in texts[0], '"n": 3' in texts[1]] == [True, True]

    asyncio.run(story())


def test_one_who_was_away_too_long_starts_from_the_present() -> None:
    async def story() -> None:
        live = hub()
        stream, _ = await opened(live)
        tell(live, 0)
        (first,) = await take(stream, 1)
        for number in range(KEPT + 1):
            tell(live, number)
        _, hello = await opened(live, last=identity(first))
        assert '"resumed": false' in hello
        _, hello = await opened(live, last="another-run-7")
        assert '"resumed": false' in hello

    asyncio.run(story())


def test_a_slow_listener_is_let_go_and_the_others_are_not() -> None:
    async def story() -> None:
        live = hub()
        slow, _ = await opened(live)
        quick, _ = await opened(live)
        for number in range(BEHIND + 5):
            tell(live, number)
            await take(quick, 1)
        assert live.listeners == 1
        assert [text async for text in slow] == []

    asyncio.run(story())
