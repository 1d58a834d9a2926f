from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from streams.decisions.relay import Relay, lag
from streams.decisions.store import Recorded, append
from tests.integration.generation.seats import NOW, Taken
from tests.integration.generation.stories import PATIENCE, connect, until


class Topic:
    """Takes what a relay publishes; fails when told to."""

    def __init__(self) -> None:
        self.rows: list[Recorded] = []
        self.failing = False

    async def publish(self, rows: Sequence[Recorded]) -> None:
        if self.failing:
            raise ConnectionError("no broker")
        self.rows += rows

    @property
    def names(self) -> list[str]:
        return [row.body["by"] for row in self.rows]

    @property
    def positions(self) -> list[int]:
        return [row.position for row in self.rows]

    async def has(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.rows) >= count

        await until(enough)


@asynccontextmanager
async def relaying(dsn: str, topic: Topic, **options: float) -> AsyncIterator[asyncio.Task[None]]:
    relay = Relay(dsn, "rooms", topic.publish, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def take(dsn: str, stream: str, name: str, *, expected: int = 0) -> None:
    async with await connect(dsn) as conn:
        await append(conn, "rooms", stream, [Taken(name)], expected=expected, at=NOW)


def test_an_open_transaction_is_neither_stepped_over_nor_does_it_hold_up_others(
    prepared: str,
) -> None:
    async def scenario() -> None:
        topic = Topic()
        async with relaying(prepared, topic), await connect(prepared) as slow:
            async with slow.transaction():
                # It has its transaction id and its position first, and commits last.
                await append(slow, "rooms", "a", [Taken("slow")], expected=0, at=NOW)
                await take(prepared, "b", "quick")
                await topic.has(1)
                await take(prepared, "b", "quicker", expected=1)
                await topic.has(2)
            await topic.has(3)
        assert topic.names == ["quick", "quicker", "slow"]
        assert topic.positions == sorted(topic.positions)

    asyncio.run(scenario())


def test_a_low_position_that_is_committed_after_a_higher_one_is_found(prepared: str) -> None:
    async def scenario() -> None:
        topic = Topic()
        async with (
            relaying(prepared, topic),
            await connect(prepared) as older,
            await connect(prepared) as newer,
        ):
            async with newer.transaction():
                async with older.transaction():
                    await older.execute("SELECT pg_current_xact_id()")  # an id, no position yet
                    await append(newer, "rooms", "n", [Taken("low")], expected=0, at=NOW)
                    await append(older, "rooms", "o", [Taken("high")], expected=0, at=NOW)
                await topic.has(1)
            await topic.has(2)
        assert topic.names == ["high", "low"]
        assert topic.positions == sorted(topic.positions)

    asyncio.run(scenario())


def test_what_is_published_at_once_is_in_the_order_of_commits(prepared: str) -> None:
    async def scenario() -> None:
        topic = Topic()
        async with await connect(prepared) as slow:
            async with slow.transaction():
                await append(slow, "rooms", "a", [Taken("slow"), Taken("too")], expected=0, at=NOW)
                await take(prepared, "b", "quick")
                await take(prepared, "c", "quick too")
            await take(prepared, "d", "after")
        async with relaying(prepared, topic, batch=2):
            await topic.has(5)
        assert topic.names == ["quick", "quick too", "slow", "too", "after"]

    asyncio.run(scenario())


def test_streams_keep_their_order_whatever_ids_their_transactions_have(prepared: str) -> None:
    async def scenario() -> None:
        topic = Topic()
        async with await connect(prepared) as conn:
            async with conn.transaction():
                await conn.execute("SELECT pg_current_xact_id()")  # older than the next one's
                await take(prepared, "r", "first")
                await append(conn, "rooms", "r", [Taken("second")], expected=1, at=NOW)
            async with relaying(prepared, topic):
                await topic.has(2)
        assert topic.names == ["first", "second"]

    asyncio.run(scenario())


def test_eight_writers_at_once_lose_nothing_and_every_stream_is_in_order(prepared: str) -> None:
    async def scenario() -> None:
        async def write(stream: str) -> None:
            async with await connect(prepared) as conn:
                for version in range(25):
                    async with conn.transaction():
                        events = [Taken(f"{stream} {version}")]
                        await append(conn, "rooms", stream, events, expected=version, at=NOW)
                        await asyncio.sleep(0.001 * (version % 3))

        topic = Topic()
        async with relaying(prepared, topic, batch=7):
            await asyncio.gather(*(write(f"room {n}") for n in range(8)))
            await topic.has(200)
        assert len({row.event_id for row in topic.rows}) == len(topic.rows) == 200
        for n in range(8):
            versions = [row.version for row in topic.rows if row.stream_id == f"room {n}"]
            assert versions == list(range(1, 26))

    asyncio.run(scenario())


def test_a_relay_that_sleeps_is_woken_and_one_that_works_is_not(prepared: str) -> None:
    async def scenario() -> None:
        topic = Topic()
        async with await connect(prepared) as listener:
            await listener.execute("LISTEN groundswell_decisions")

            async def heard(most: int = 0, seconds: float = 0.3) -> int:
                notices = listener.notifies(timeout=seconds, stop_after=most or None)
                return len([notice async for notice in notices])

            await take(prepared, "r", "nobody listens")
            assert await heard() == 0
            async with relaying(prepared, topic, poll=30.0):  # it does not find out by itself

                async def asleep() -> bool:
                    return await _lock_is_held(prepared)

                for number in range(1, 4):
                    await until(asleep)
                    await take(prepared, "r", f"guest {number}", expected=number)
                    await topic.has(number + 1)
                assert await heard(3, PATIENCE) == 3
                assert await heard() == 0

    asyncio.run(scenario())


async def _lock_is_held(dsn: str) -> bool:
    """Whether the lock is held that a relay sleeps with; it holds another as its claim."""
    async with await connect(dsn) as conn:
        cursor = await conn.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database AS here ON here.oid = database "
            "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
        )
        row = await cursor.fetchone()
        return row == (2,)


def test_a_relay_does_not_fall_asleep_while_somebody_appends_unheard(prepared: str) -> None:
    async def scenario() -> None:
        topic = Topic()
        async with await connect(prepared) as slow, AsyncExitStack() as open_still:
            await open_still.enter_async_context(slow.transaction())
            await append(slow, "rooms", "a", [Taken("slow")], expected=0, at=NOW)
            async with relaying(prepared, topic, poll=30.0):
                await take(prepared, "b", "quick")
                await topic.has(1)
                await asyncio.sleep(0.2)  # long enough to fall asleep
                await open_still.aclose()
                await topic.has(2)

    asyncio.run(scenario())


def test_what_was_not_acknowledged_comes_again(prepared: str) -> None:
    async def scenario() -> None:
        topic = Topic()
        await take(prepared, "r", "ada")
        topic.failing = True
        async with relaying(prepared, topic) as task:
            with pytest.raises(ConnectionError):
                await task
        topic.failing = False
        async with relaying(prepared, topic):
            await topic.has(1)
            await take(prepared, "r", "bob", expected=1)
            await topic.has(2)
        assert topic.names == ["ada", "bob"]

    asyncio.run(scenario())


def test_a_relay_goes_on_where_the_last_one_was(prepared: str) -> None:
    async def scenario() -> None:
        topic = Topic()
        for number in range(3):
            await take(prepared, "r", f"guest {number}", expected=number)
            async with relaying(prepared, topic):
                await topic.has(number + 1)
                # The checkpoint follows the acknowledgement.
                async with await connect(prepared) as conn:

                    async def caught_up() -> bool:
                        return (await lag(conn, "rooms")).events == 0

                    await until(caught_up)
        assert topic.names == ["guest 0", "guest 1", "guest 2"]

    asyncio.run(scenario())


def test_of_two_relays_one_works_and_the_other_takes_over(prepared: str) -> None:
    async def scenario() -> None:
        one, two = Topic(), Topic()
        async with relaying(prepared, one, poll=0.05):
            await take(prepared, "r", "first")
            await one.has(1)
            async with relaying(prepared, two, poll=0.05) as second:
                async with asyncio.TaskGroup() as group:
                    group.create_task(take(prepared, "r", "second", expected=1))
                await one.has(2)
                assert two.rows == []
                assert not second.done()
        async with relaying(prepared, two, poll=0.05):
            await take(prepared, "r", "third", expected=2)

            async def third() -> bool:
                return "third" in two.names

            await until(third)

    asyncio.run(scenario())


def test_lag_counts_what_is_not_published(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            assert await lag(conn, "rooms") == (0, 0.0)
            await take(prepared, "r", "ada")
            behind = await lag(conn, "rooms")
            assert behind.events == 1
            assert behind.seconds > 0

    asyncio.run(scenario())
