"""The hub of live updates, without a database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import event_stream
from api.event_stream import EventStream
from api.live import BEHIND, LiveHub
from api.live_ids import LONGEST, read_id, write_id
from api.metrics import Metrics


async def _no_pulse() -> dict[str, Any]:
    return {}


def hub(**offsets: int) -> LiveHub:
    """One that knows how far partition 0 of each projection's topic is."""
    live = LiveHub("postgresql://unused", Metrics(), _no_pulse)
    live._told = {(name, f"{name}.v1"): {0: offset} for name, offset in offsets.items()}
    live._loaded.set()
    return live


async def tell(live: LiveHub, offset: int, name: str = "videos", partition: int = 0) -> None:
    live._note(name, f"{name}.v1", partition, offset, 1)
    await live._tell()


async def take(stream: AsyncGenerator[str], count: int = 1) -> list[str]:
    async with asyncio.timeout(60):
        return [await anext(stream) for _ in range(count)]


async def opened(
    live: LiveHub, wanted: frozenset[str] = frozenset(), last: str | None = None
) -> tuple[AsyncGenerator[str], str]:
    stream = live.stream(wanted, last)
    return stream, "".join(await take(stream))


def identity(text: str) -> str:
    return text.rpartition("id: ")[2].partition("\n")[0]


def told(text: str) -> list[dict[str, Any]]:
    lines = text.splitlines()
    return [
        json.loads(data.removeprefix("data: "))
        for event, data in pairwise(lines)
        if event == "event: projection"
    ]


def dropped(live: LiveHub) -> float | None:
    return live._metrics.registry.get_sample_value("api_live_dropped_total")


def test_a_listener_hears_what_it_asked_for_and_no_more() -> None:
    async def story() -> None:
        live = hub()
        stream, hello = await opened(live, frozenset({"jobs"}))
        assert '"resumed": false' in hello
        await tell(live, 1, "videos")
        await tell(live, 2, "jobs")
        (text,) = await take(stream)
        assert [(one["projection"], one["next_offset"]) for one in told(text)] == [("jobs", 2)]
        assert identity(text) == "jobs/jobs.v1/2"

    asyncio.run(story())


def test_what_changes_within_a_second_is_told_at_once_with_every_partition() -> None:
    async def story() -> None:
        live = hub()
        stream, _ = await opened(live)
        for partition, offset in ((0, 4), (3, 9), (0, 6)):
            live._note("videos", "videos.v1", partition, offset, 2)
        await live._tell()
        (text,) = await take(stream)
        (one,) = told(text)
        assert one["next_offsets"] == {"0": 6, "3": 9}
        assert (one["partition"], one["next_offset"], one["rows"]) == (0, 6, 6)
        assert identity(text) == "videos/videos.v1/6.0.0.9"

    asyncio.run(story())


def test_one_who_comes_back_to_another_process_hears_what_has_moved_since() -> None:
    async def story() -> None:
        one, other = hub(videos=5, jobs=5), hub(videos=5, jobs=5)
        stream, _ = await opened(one)
        await tell(one, 6)
        await tell(other, 6)
        last = identity(*await take(stream))
        await tell(other, 7)
        await tell(other, 8, "jobs")
        again, hello = await opened(other, last=last)
        assert '"resumed": true' in hello
        assert {(found["projection"], found["next_offset"]) for found in told(hello)} == {
            ("videos", 7),
            ("jobs", 8),
        }
        _, hello = await opened(other, last=identity(hello))
        assert told(hello) == []
        await tell(other, 9)
        (text,) = await take(again)
        assert told(text)[0]["next_offset"] == 9

    asyncio.run(story())


def test_an_id_says_what_has_been_told_and_no_more() -> None:
    async def story() -> None:
        live = hub(videos=5, jobs=5)
        _, hello = await opened(live, last="videos/videos.v1/4;jobs/jobs.v1/4")
        first, second = (part.partition("\n")[0] for part in hello.split("id: ")[1:])
        assert first == "jobs/jobs.v1/4;videos/videos.v1/5"
        assert second == "jobs/jobs.v1/5;videos/videos.v1/5"
        _, hello = await opened(live, last=first)
        assert [one["projection"] for one in told(hello)] == ["jobs"]

    asyncio.run(story())


@pytest.mark.parametrize("last", ["5f3c-17", "", "videos/videos.v1/", "a/b/1;", "x" * 9000])
def test_an_id_of_nothing_starts_from_the_present(last: str) -> None:
    async def story() -> None:
        _, hello = await opened(hub(videos=5), last=last)
        assert '"resumed": false' in hello
        assert identity(hello) == "videos/videos.v1/5"

    asyncio.run(story())


def test_tables_that_were_made_anew_are_told() -> None:
    async def story() -> None:
        _, hello = await opened(hub(videos=2), last="videos/videos.v1/90")
        assert [one["next_offset"] for one in told(hello)] == [2]

    asyncio.run(story())


@given(
    st.dictionaries(
        st.tuples(st.from_regex(r"[a-z-]{1,20}", fullmatch=True), st.sampled_from("ab")),
        st.lists(st.integers(0, 10**15), min_size=1, max_size=8),
        min_size=1,
        max_size=40,
    )
)
def test_positions_survive_being_written(found: dict[tuple[str, str], list[int]]) -> None:
    positions = {key: dict(enumerate(offsets)) for key, offsets in found.items()}
    written = write_id(positions)
    assert len(written) > LONGEST or read_id(written) == positions


def test_a_slow_listener_is_let_go_and_counted_and_the_others_are_not() -> None:
    async def story() -> None:
        live = hub()
        slow, _ = await opened(live)
        quick, _ = await opened(live)
        for number in range(BEHIND + 5):
            await tell(live, number)
            await take(quick)
        assert (live.listeners, dropped(live)) == (1, 1)
        assert [text async for text in slow] == []

    asyncio.run(story())


def test_a_reader_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SEND_SECONDS", 0.05)

    async def stuck(message: Any) -> None:
        if message.get("body"):
            await asyncio.Event().wait()

    async def story() -> None:
        live = hub()
        await EventStream(live.stream(frozenset(), None)).stream_response(stuck)
        assert (live.listeners, dropped(live)) == (0, 1)

    asyncio.run(story())


def test_a_silent_stream_has_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        live = hub()
        stream, _ = await opened(live)
        monkeypatch.setattr("api.live.HEARTBEAT_SECONDS", -1.0)
        await live._tell()
        assert await take(stream) == [": heartbeat\n\n"]

    asyncio.run(story())
