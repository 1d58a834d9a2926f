"""The rows beside the log: read, and changed in one transaction with the events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from streams.decisions.execution import Effect
from streams.decisions.queries import queries
from streams.identity.events import (
    AccountEvent,
    AccountForgotten,
    EmailVerified,
    KeyRevoked,
    PasswordChanged,
    Reinstated,
    RoleChanged,
    SessionEnded,
    SessionsEnded,
    Suspended,
    TierChanged,
    TwoFactorDisabled,
)

VERIFICATION = "verification"
RESET = "reset"

_SQL = queries(Path(__file__).with_name("statements.sql"))

Connection = AsyncConnection[Any]
Row = Mapping[str, Any]


class Spent(Exception):
    """A row that had to be there was used or changed by somebody who was faster."""


async def one(conn: Connection, statement: str, **values: Any) -> Row | None:
    """The row of a named statement, if there is one."""
    found = await every(conn, statement, **values)
    return found[0] if found else None


async def every(conn: Connection, statement: str, **values: Any) -> Sequence[Row]:
    """The rows of a named statement."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SQL[statement], values)
        return await cursor.fetchall()


async def change(conn: Connection, statement: str, **values: Any) -> int:
    """Run a named statement; how many rows it changed."""
    return (await conn.execute(_SQL[statement], values)).rowcount


async def claim(conn: Connection, statement: str, **values: Any) -> None:
    """Run a statement that has to change one row.

    Raises:
        Spent: it changed none.
    """
    if await change(conn, statement, **values) != 1:
        raise Spent


async def add_link(conn: Connection, user_id: str, provider: str, lookup: bytes) -> None:
    """Join a provider's account.

    Raises:
        Spent: it is joined to one here.
    """
    try:
        await change(conn, "add_link", user_id=user_id, provider=provider, lookup=lookup)
    except UniqueViolation:
        raise Spent from None


async def set_token(
    conn: Connection, user_id: str, purpose: str, hashed: bytes, expires_at: dt.datetime
) -> None:
    """Make a token of an e-mail good; an earlier one of that purpose is void."""
    facts = {"purpose": purpose, "hash": hashed, "expires_at": expires_at}
    await change(conn, "set_token", user_id=user_id, **facts)


def following(user_id: str, events: Sequence[AccountEvent]) -> Effect:
    """What events do to rows that are there."""
    changes = [one for event in events for one in _changes(event)]

    async def effect(conn: Connection) -> None:
        for statement, values in changes:
            await change(conn, statement, user_id=user_id, **values)

    return effect


def _changes(event: AccountEvent) -> list[tuple[str, dict[str, Any]]]:
    """Statements with their values, besides the user's id."""
    match event:
        case EmailVerified():
            return [("delete_tokens", {"purpose": VERIFICATION})]
        case PasswordChanged():
            void: tuple[str, dict[str, Any]] = ("delete_tokens", {"purpose": RESET})
            return [void, ("delete_password", {})] if event.how == "removed" else [void]
        case TwoFactorDisabled():
            return [("delete_totp", {}), ("delete_backup_codes", {})]
        case SessionEnded():
            return [("delete_session", {"session_id": event.session_id})]
        case SessionsEnded():
            return [("delete_sessions", {})]
        case RoleChanged():
            return [("set_role", {"role": event.role})]
        case TierChanged():
            return [("set_tier", {"tier": event.tier})]
        case Suspended() | Reinstated():
            return [("set_suspended", {"suspended": isinstance(event, Suspended)})]
        case KeyRevoked():
            return [("delete_key", {"key_id": event.key_id})]
        case AccountForgotten():
            return [("delete_user", {})]
        case _:
            return []
