"""Commands carried out: from what was seen last, and many at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from psycopg import AsyncConnection

from streams.decisions.connections import connections
from streams.decisions.decider import Refused
from streams.decisions.execution import Decision, execute, execute_all, look, states
from streams.decisions.store import Addition, ConflictError, append, append_all, load
from tests.integration.generation.seats import NOW, Room, Take, Taken
from tests.integration.generation.stories import connect


async def names(conn: AsyncConnection[Any], stream: str) -> list[str]:
    return [row.body["by"] for row in (await load(conn, "rooms", [stream]))[stream]]


def test_what_was_seen_last_is_enough_while_nobody_else_decides(prepared: str) -> None:
    async def scenario() -> None:
        room = Room(5)
        async with await connect(prepared) as conn:
            seen = await execute(conn, room, "r", Take("ada"))
            seen = await execute(conn, room, "r", Take("bob"), known=seen)
            assert (seen.state, seen.version) == (2, 2)
            assert await names(conn, "r") == ["ada", "bob"]

    asyncio.run(scenario())


def test_what_was_seen_before_others_decided_is_looked_at_again(prepared: str) -> None:
    async def scenario() -> None:
        room = Room(2)
        async with await connect(prepared) as conn:
            old = await look(conn, room, "r")
            await execute(conn, room, "r", Take("ada"))
            after = await execute(conn, room, "r", Take("bob"), known=old)
            assert (after.state, after.version) == (2, 3)  # and fully booked
            with pytest.raises(Refused):
                await execute(conn, room, "r", Take("eve"), known=old)

    asyncio.run(scenario())


def test_a_refusal_is_never_from_an_old_look(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            full: Decision[int, Any] = Decision(1, [], 1)  # of a room that has grown since
            await execute(conn, Room(2), "r", Take("ada"))
            await execute(conn, Room(9), "r", Take("bob"), known=full)
            seen: Decision[int, Any] = Decision(9, [], 9)
            await execute(conn, Room(9), "r", Take("cyd"), known=seen)
            assert await names(conn, "r") == ["ada", "bob", "cyd"]

    asyncio.run(scenario())


def test_nothing_is_appended_to_a_version_that_never_came_to_be(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            with pytest.raises(ConflictError):
                await append(conn, "rooms", "r", [Taken("ada")], expected=1, at=NOW)
            assert await names(conn, "r") == []

    asyncio.run(scenario())


def test_many_commands_come_to_what_each_would_alone(prepared: str) -> None:
    async def scenario() -> None:
        room = Room(2)
        commands = [("a", Take("1")), ("b", Take("2")), ("a", Take("3")), ("a", Take("4"))]
        async with await connect(prepared) as conn:
            await execute(conn, room, "b", Take("0"))
            outcomes = await execute_all(conn, room, commands)
            kinds = [type(outcome).__name__ for outcome in outcomes]
            assert kinds == ["Decision", "Decision", "Decision", "Refused"]
            assert await states(conn, room, ["a", "b"]) == {"a": 2, "b": 2}
            versions = [row.version for row in (await load(conn, "rooms", ["a"]))["a"]]
            assert versions == [1, 2, 3]

    asyncio.run(scenario())


def test_many_commands_are_decided_again_when_one_came_second(prepared: str) -> None:
    async def scenario() -> None:
        room = Room(9)
        commands = [("a", Take("late")), ("b", Take("alone"))]
        async with await connect(prepared) as one, await connect(prepared) as other:
            async with one.transaction():
                await execute(one, room, "a", Take("early"))
                many = asyncio.create_task(execute_all(other, room, commands))
                done, _ = await asyncio.wait([many], timeout=0.2)
                assert not done  # it waits for the version that is being appended
            outcomes = await many
            assert [type(outcome).__name__ for outcome in outcomes] == ["Decision"] * 2
            assert await names(one, "a") == ["early", "late"]
            assert await names(one, "b") == ["alone"]

    asyncio.run(scenario())


def test_additions_are_appended_to_all_streams_or_to_none(prepared: str) -> None:
    async def scenario() -> None:
        async with await connect(prepared) as conn:
            await append(conn, "rooms", "a", [Taken("ada")], expected=0, at=NOW)
            additions = [
                Addition("b", [Taken("bob")], 0, NOW),
                Addition("a", [Taken("eve")], 0, NOW),
            ]
            with pytest.raises(ConflictError):
                await append_all(conn, "rooms", additions)
            assert await names(conn, "b") == []
            assert await names(conn, "a") == ["ada"]

    asyncio.run(scenario())


def test_a_pool_survives_the_end_of_a_resting_connection(prepared: str) -> None:
    async def scenario() -> None:
        async with connections(prepared, most=2) as pool:
            async with pool.connection() as conn:
                pid = conn.info.backend_pid
            async with await connect(prepared) as other:
                await other.execute("SELECT pg_terminate_backend(%s)", (pid,))
            await asyncio.sleep(0.6)
            async with pool.connection() as conn:
                row = await (await conn.execute("SELECT 1")).fetchone()
                assert row == (1,)

    asyncio.run(scenario())
