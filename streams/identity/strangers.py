"""Addresses that nobody registered: refused with as much work as others, and locked as they are."""

from __future__ import annotations

import datetime as dt
from typing import NoReturn

from streams.identity import rows
from streams.identity.desk import Desk
from streams.identity.emails import folded
from streams.identity.errors import LoginRefused
from streams.identity.locks import Lock
from streams.identity.proving import hold


class Strangers(Desk):
    """Refuses those who have no account, so that nobody learns that they have none."""

    async def _refuse_stranger(self, email: str, password: str, at: dt.datetime) -> NoReturn:
        """What an account's failure would be, for an address that has none.

        Raises:
            LoginRefused: always.
        """
        lookup = await self._keyed_hash("stranger", folded(email))
        async with self._pool.connection() as conn:
            hold(await _strangers_lock(conn, lookup), at)
        await self._passwords.verify(None, password)
        async with self._pool.connection() as conn, conn.transaction():
            await rows.every(conn, "lock_stranger", lookup=lookup)
            lock = await _strangers_lock(conn, lookup)
            hold(lock, at)
            until = lock.next_until(at)
            after = lock.failed() if until is None else lock.locked(until, at)
            facts = {"failures": after.failures, "locks": after.locks, "until": after.until}
            await rows.change(conn, "set_stranger", lookup=lookup, at=at, **facts)
        hold(after, at)
        raise LoginRefused


async def _strangers_lock(conn: rows.Connection, lookup: bytes) -> Lock:
    row = await rows.one(conn, "stranger", lookup=lookup)
    return Lock() if row is None else Lock(row["failures"], row["locks"], row["locked_until"])
