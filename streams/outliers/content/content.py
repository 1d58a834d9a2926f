"""What can be asked of the content. On the caller's connection, within its transaction if any."""

from __future__ import annotations

import datetime as dt
from typing import Any

from psycopg import AsyncConnection

from streams.decisions import execution
from streams.decisions.store import ConflictError, append, events_of, newest
from streams.outliers.content.shapes import Content
from streams.outliers.content.story import (
    CONTENT,
    CONTENT_ID,
    Change,
    ContentCommand,
    Current,
    Reset,
)


async def current(conn: AsyncConnection[Any]) -> Current:
    """The content as it is now: the truth, ahead of any projection.

    Each change has all of it, so the newest alone is read.
    """
    row = await newest(conn, CONTENT.domain, CONTENT_ID)
    if row is None:
        return CONTENT.initial
    [event] = events_of(CONTENT, [row])
    return Current(Content.model_validate_json(event.content), row.version, event.changed_by)


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
    return await _decide(conn, command)


async def reset(conn: AsyncConnection[Any], *, changed_by: str) -> Current:
    """Set the content back to what is shipped; answers it."""
    command = Reset(dt.datetime.now(dt.UTC), changed_by)
    return await _decide(conn, command)


async def _decide(conn: AsyncConnection[Any], command: ContentCommand) -> Current:
    for attempt in range(1, execution.ATTEMPTS + 1):
        now = await current(conn)
        decision = execution.decided(CONTENT, now, now.version, command)
        if not decision.events:
            break
        try:
            await append(
                conn,
                CONTENT.domain,
                CONTENT_ID,
                decision.events,
                expected=now.version,
                at=command.at,
            )
            break
        except ConflictError:
            if attempt == execution.ATTEMPTS:
                raise
    return decision.state
