from __future__ import annotations

import asyncio
import threading

import psycopg
import pytest

from streams.decisions.decider import Refused
from streams.decisions.execution import execute, states
from streams.decisions.store import ConflictError, append, events_of, load
from streams.generation.schema import prepare
from tests.integration.generation.seats import NOW, FullyBooked, Room, Take, Taken
from tests.integration.generation.stories import connect


def test_events_come_back_as_they_were_appended(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            room = Room(2)
            first = await execute(conn, room, "r", Take("ada"))
            assert (first.state, first.version) == (1, 1)
            second = await execute(conn, room, "r", Take("bob"))
            assert second.events == [Taken("bob", NOW), FullyBooked(2)]
            rows = (await load(conn, "rooms", ["r"]))["r"]
            assert [row.version for row in rows] == [1, 2, 3]
            assert [row.type for row in rows] == ["Taken", "Taken", "FullyBooked"]
            assert list(events_of(room, rows)) == [*first.events, *second.events]
            assert {row.occurred_at for row in rows} == {NOW}
            assert len({row.event_id for row in rows}) == 3
            assert await states(conn, room, ["r", "nowhere"]) == {"r": 2}

    asyncio.run(scenario())


def test_a_refused_command_leaves_nothing(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            await execute(conn, Room(1), "r", Take("ada"))
            with pytest.raises(Refused, match="no seat"):
                await execute(conn, Room(1), "r", Take("bob"))
            assert len((await load(conn, "rooms", ["r"]))["r"]) == 2

    asyncio.run(scenario())


def test_of_two_writers_one_wins_and_the_other_decides_again(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as one, await connect(prepared) as two:
            async with one.transaction():
                await execute(one, Room(2), "r", Take("ada"))
                # Waits for the transaction that holds the version, then sees what it did.
                other = asyncio.create_task(execute(two, Room(2), "r", Take("bob")))
                await asyncio.sleep(0.1)
                assert not other.done()
            decision = await other
            assert decision.events == [Taken("bob", NOW), FullyBooked(2)]
            assert decision.version == 3

    asyncio.run(scenario())


def test_a_writer_that_comes_too_late_appends_nothing_and_its_transaction_goes_on(
    prepared: str,
) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn, conn.transaction():
            await append(conn, "rooms", "r", [Taken("ada")], expected=0, at=NOW)
            with pytest.raises(ConflictError):
                events = [Taken("bob"), Taken("cy")]
                await append(conn, "rooms", "r", events, expected=0, at=NOW)
            rows = (await load(conn, "rooms", ["r"]))["r"]
            assert [row.body["by"] for row in rows] == ["ada"]

    asyncio.run(scenario())


def test_many_writers_at_once_never_overbook(prepared: str) -> None:
    async def scenario() -> None:
        async def take(name: str) -> bool:
            async with await connect(prepared) as conn:
                try:
                    await execute(conn, Room(5), "r", Take(name))
                except Refused:
                    return False
                return True

        outcomes = await asyncio.gather(*(take(f"guest {n}") for n in range(12)))
        assert outcomes.count(True) == 5
        async with await connect(prepared) as conn:
            rows = (await load(conn, "rooms", ["r"]))["r"]
        assert [row.version for row in rows] == list(range(1, 7))
        assert [row.type for row in rows].count("FullyBooked") == 1

    asyncio.run(scenario())


def test_a_decision_is_undone_with_its_transaction(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            with pytest.raises(RuntimeError):
                async with conn.transaction():
                    await execute(conn, Room(2), "r", Take("ada"))
                    raise RuntimeError
            assert await states(conn, Room(2), ["r"]) == {}

    asyncio.run(scenario())


def test_tables_can_be_prepared_by_several_at_once_and_again(database: str) -> None:
    threads = [threading.Thread(target=prepare, args=(database,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    prepare(database)
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT count(*) FROM decision_events, procrastinate_jobs").fetchone()
    assert row == (0,)
