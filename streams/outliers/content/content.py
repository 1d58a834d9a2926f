"""What can be asked of the content. On the caller's connection, within its transaction if any."""

from __future__ import annotations

import datetime as dt
from typing import Any

from psycopg import AsyncConnection

from streams.decisions import execution
from streams.outliers.content.shapes import Content
from streams.outliers.content.story import CONTENT, CONTENT_ID, Change, Current, Reset


async def current(conn: AsyncConnection[Any]) -> Current:
    """The content as it is now: the truth, ahead of any projection."""
    return (await execution.look(conn, CONTENT, CONTENT_ID)).state


async def change(
    conn: AsyncConnection[Any], content: Content, *, changed_by: str, expected: int | None = None
) -> Current:
    """Make the content another one; analyses that were asked for before keep theirs.

    Args:
        expected: the version that it was made from; None: whichever is there.

    Returns:
        The content as it is then.

    Raises:
        Refused: somebody else changed it first (code `changed`).
    """
    command = Change(dt.datetime.now(dt.UTC), changed_by, content, expected)
    return (await execution.execute(conn, CONTENT, CONTENT_ID, command)).state


async def reset(conn: AsyncConnection[Any], *, changed_by: str) -> Current:
    """Set the content back to what is shipped; answers it."""
    command = Reset(dt.datetime.now(dt.UTC), changed_by)
    return (await execution.execute(conn, CONTENT, CONTENT_ID, command)).state
