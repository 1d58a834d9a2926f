"""What is done to an account by others: role, tier, suspension."""

from __future__ import annotations

from streams.identity import rows
from streams.identity.answers import AccountFacts
from streams.identity.commands import Reinstate, SetRole, SetTier, Suspend
from streams.identity.desk import EMAIL, NAME, REASON, Desk
from streams.identity.errors import UnknownAccount
from streams.identity.roles import Role
from streams.identity.state import Status
from streams.identity.tiers import Tier


class Administering(Desk):
    """Shows accounts and changes what they may do."""

    async def account(self, user_id: str) -> AccountFacts:
        """An account as it is now.

        Raises:
            UnknownAccount
        """
        state = await self._look(user_id)
        async with self._pool.connection() as conn:
            row = await rows.one(conn, "created", user_id=user_id)
            left = await rows.one(conn, "count_backup_codes", user_id=user_id)
        if row is None or left is None:
            raise UnknownAccount  # forgotten just now
        [email] = await self._open(EMAIL, state.email)
        [name] = await self._open(NAME, state.name)
        at = self._clock()
        return AccountFacts(
            user_id=user_id,
            email=email,
            name=name,
            role=state.role,
            tier=state.tier,
            verified=state.verified,
            suspended=state.status is Status.SUSPENDED,
            two_factor=state.two_factor,
            backup_codes_left=left["count"],
            locked_until=state.lock.until if state.lock.holds(at) else None,
            providers=state.providers,
            sessions=len(state.sessions),
            created_at=row["created_at"],
        )

    async def set_role(self, user_id: str, role: Role, by: str) -> None:
        """Give a role; another one ends every session.

        Raises:
            UnknownAccount
            Refused: `own_account`: nobody changes his own role.
        """
        await self._decide(user_id, SetRole(self._clock(), user_id, role, by))

    async def set_tier(self, user_id: str, tier: Tier, by: str) -> None:
        """Give a tier. Raises UnknownAccount."""
        await self._decide(user_id, SetTier(self._clock(), tier, by))

    async def suspend(self, user_id: str, reason: str, by: str) -> None:
        """Let somebody in no more, ending every session; keys rest.

        Raises:
            UnknownAccount
            Refused: `own_account`.
        """
        await self._look(user_id)
        sealed = await self._seal(user_id, REASON, reason)
        await self._decide(user_id, Suspend(self._clock(), user_id, sealed, by))

    async def reinstate(self, user_id: str, by: str) -> None:
        """Let somebody in again. Raises UnknownAccount."""
        await self._decide(user_id, Reinstate(self._clock(), by))
