"""Keys of programs: `gsk_<key_id>_<43 random characters>`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from streams.identity import rows, scopes
from streams.identity.answers import IssuedKey, KeyFacts
from streams.identity.commands import IssueKey, RevokeKey
from streams.identity.desk import NAME, Desk, random_token
from streams.identity.tiers import Tier

PREFIX = "gsk_"

_FORM = re.compile(PREFIX + r"([a-z0-9]{16})_([A-Za-z0-9_-]{43})")


class Keys(Desk):
    """Issues keys and revokes them."""

    async def issue_key(
        self,
        user_id: str,
        name: str,
        scope_names: Iterable[str],
        tier: Tier | None = None,
        *,
        by: str,
    ) -> IssuedKey:
        """Issue a key.

        Args:
            tier: None: the owner's, whatever it is then.

        Raises:
            ScopeError, UnknownAccount
            Refused: `scope_above_role`, `tier_above_owner`, `too_many_keys`, `suspended`,
                `unverified`.
        """
        wanted = scopes.parse(scope_names)
        await self._look(user_id)
        at = self._clock()
        key_id = secrets.token_hex(8)
        text, hashed = random_token()
        sealed = await self._seal(user_id, NAME, name)
        facts = {"scopes": sorted(wanted), "tier": tier, "name": sealed, "hash": hashed, "at": at}

        async def added(conn: rows.Connection) -> None:
            await rows.change(conn, "add_key", user_id=user_id, key_id=key_id, **facts)

        command = IssueKey(at, key_id, sealed, wanted, tier, by)
        await self._decide(user_id, command, rows_too=added)
        return IssuedKey(key_id, f"{PREFIX}{key_id}_{text}")

    async def revoke_key(self, user_id: str, key_id: str, by: str) -> None:
        """Revoke a key; one that is revoked stays so.

        Raises:
            UnknownAccount
            Refused: `unknown_key`.
        """
        await self._decide(user_id, RevokeKey(self._clock(), key_id, by))

    async def keys_of(self, user_id: str) -> list[KeyFacts]:
        """A user's keys that are not revoked, oldest first."""
        async with self._pool.connection() as conn:
            found = await rows.every(conn, "keys", user_id=user_id)
        names = await self._open(NAME, *(row["sealed_name"] for row in found))
        return [
            KeyFacts(
                key_id=row["key_id"],
                name=name or "",
                scopes=frozenset(row["scopes"]),
                tier=None if row["tier"] is None else Tier(row["tier"]),
                created_at=row["created_at"],
                last_used=row["last_used"],
            )
            for row, name in zip(found, names, strict=True)
        ]


def parts(offered: str) -> tuple[str, str] | None:
    """The id and the random part of what has the form of a key."""
    found = _FORM.fullmatch(offered)
    return None if found is None else (found[1], found[2])
