"""A person erased: rows and lookups, in one transaction with the event that says so."""

from __future__ import annotations

import datetime as dt

from schemas.personal.sealed import is_sealed
from streams.decisions.decider import Refused
from streams.decisions.execution import execute
from streams.identity import rows
from streams.identity.account import IDENTITY
from streams.identity.commands import Forget


async def user_named(conn: rows.Connection, person: str) -> str | None:
    """The user that an id, or a value that was sealed for the person, names.

    Args:
        conn: of a database with the tables of accounts.
    """
    if not is_sealed(person):
        return person
    found = await rows.one(conn, "user_of_reference", sealed=person)
    return None if found is None else str(found["user_id"])


async def forget_account(
    conn: rows.Connection, user_id: str, at: dt.datetime, by: str | None = None
) -> bool:
    """Delete everything that proves who that user is; whether there was an account.

    What was sealed for the person is readable until the person's key is deleted, which is the
    caller's to do, also when there was no account any more: an earlier call may have been
    broken off in between.
    """
    try:
        command = Forget(at, by)
        decision = await execute(
            conn,
            IDENTITY,
            user_id,
            command,
            besides=lambda decided: rows.following(user_id, decided.events),
        )
    except Refused:
        return False  # nobody ever had that id
    return bool(decision.events)
