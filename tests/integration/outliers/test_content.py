from __future__ import annotations

import asyncio
from typing import Any

import pytest
from psycopg import AsyncConnection

from streams.decisions.decider import Refused
from streams.outliers.analyses.schema import prepare
from streams.outliers.content.content import change, current, reset
from streams.outliers.content.shapes import Content, defaults


def with_queries(*queries: str) -> Content:
    return defaults().model_copy(update={"search_queries": queries})


def test_content_is_what_was_put_last_and_can_be_set_back(database: str) -> None:
    prepare(database)

    async def story(conn: AsyncConnection[Any]) -> None:
        assert (await current(conn)).version == 0
        assert (await current(conn)).content == defaults()
        changed = await change(conn, with_queries("chess"), changed_by="ada")
        assert (changed.version, changed.changed_by) == (1, "ada")
        assert (await current(conn)).content.search_queries == ("chess",)
        # The same once more changes nothing.
        assert (await change(conn, with_queries("chess"), changed_by="bob")).version == 1
        assert (await reset(conn, changed_by="bob")).content == defaults()
        assert (await current(conn)).version == 2
        # Only the newest change is read, however many there were.
        await conn.execute("UPDATE decision_events SET body = '{}' WHERE version = 1")
        assert (await current(conn)).changed_by == "bob"
        assert (await change(conn, with_queries("go"), changed_by="ada")).version == 3
        assert (await current(conn)).content.search_queries == ("go",)

    asyncio.run(_connected(database, story))


def test_who_changes_an_older_version_is_told_so(database: str) -> None:
    prepare(database)

    async def story(conn: AsyncConnection[Any]) -> None:
        await change(conn, with_queries("chess"), changed_by="ada", expected=0)
        with pytest.raises(Refused, match="changed by ada") as refused:
            await change(conn, with_queries("go"), changed_by="bob", expected=0)
        assert refused.value.code == "changed"

    asyncio.run(_connected(database, story))


async def _connected(dsn: str, story: Any) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as conn:
        await story(conn)
