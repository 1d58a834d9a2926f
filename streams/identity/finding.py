"""Accounts found, and what happened to them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from streams.decisions.queries import queries
from streams.identity.account import IDENTITY
from streams.identity.desk import EMAIL, NAME, REASON
from streams.identity.registering import Registering
from streams.identity.roles import Role
from streams.identity.tiers import Tier

_SQL = queries(Path(__file__).with_name("finding.sql"))
_PLACES = {"email": EMAIL, "name": NAME, "reason": REASON}  # of what is sealed in events


@dataclass(frozen=True, slots=True)
class Found:
    """An account in a list.

    Attributes:
        email: None where the person was forgotten in the meantime.
    """

    user_id: str
    email: str | None
    role: Role
    tier: Tier
    suspended: bool
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of an account's story; personal text is opened, and null once it was erased.

    Attributes:
        version: of the story: 1 is its first event.
        facts: what the event says.
    """

    version: int
    type: str
    occurred_at: dt.datetime
    facts: dict[str, Any]


class Finding(Registering):
    """Finds accounts."""

    async def user_of(self, email: str) -> str | None:
        """Whose e-mail address that is."""
        return await self._user_of(email)

    async def owner_of_key(self, key_id: str) -> str | None:
        """Whose key that is; None where there is no such key, or it is revoked."""
        rows = await self._rows("owner_of_key", key_id=key_id)
        return str(rows[0]["user_id"]) if rows else None

    async def users(
        self,
        *,
        role: Role | None = None,
        suspended: bool | None = None,
        before: tuple[dt.datetime, str] | None = None,
        limit: int,
    ) -> list[Found]:
        """Accounts, the newest first.

        Args:
            before: time and id of the last one of the page before.
        """
        at, user_id = before or (None, None)
        wanted = {"role": role, "suspended": suspended, "before": at, "user_id": user_id}
        rows = await self._rows("users", limit=limit, **wanted)
        emails = await self._open(EMAIL, *(row["sealed_email"] for row in rows))
        return [
            Found(
                user_id=row["user_id"],
                email=email,
                role=Role(row["role"]),
                tier=Tier(row["tier"]),
                suspended=row["suspended"],
                created_at=row["created_at"],
            )
            for row, email in zip(rows, emails, strict=True)
        ]

    async def count_users(self, *, role: Role | None = None, suspended: bool | None = None) -> int:
        """How many accounts there are."""
        [row] = await self._rows("count_users", role=role, suspended=suspended)
        return int(row["count"])

    async def trail(self, user_id: str, *, before: int | None = None, limit: int) -> list[Happened]:
        """What happened to an account, the newest first; nothing where nobody ever had the id.

        Args:
            before: version of the last event of the page before.
        """
        asked = {"domain": IDENTITY.domain, "user_id": user_id, "before": before, "limit": limit}
        rows = await self._rows("trail", **asked)
        opened: dict[tuple[int, str], str | None] = {}
        for name, place in _PLACES.items():
            sealed = {row["version"]: row["body"][name] for row in rows if name in row["body"]}
            texts = await self._open(place, *sealed.values())
            opened |= {(one, name): text for one, text in zip(sealed, texts, strict=True)}
        return [
            Happened(
                version=row["version"],
                type=row["type"],
                occurred_at=row["occurred_at"],
                facts={
                    name: opened.get((row["version"], name), value)
                    for name, value in row["body"].items()
                },
            )
            for row in rows
        ]

    async def _rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_SQL[statement], values)
            return await cursor.fetchall()
