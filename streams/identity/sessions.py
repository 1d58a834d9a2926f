"""Sessions: continued with refresh tokens, and ended."""

from __future__ import annotations

import datetime as dt
import os
import secrets

from streams.identity import rows
from streams.identity.answers import Session
from streams.identity.commands import EndSession, EndSessions
from streams.identity.desk import Desk
from streams.identity.errors import SessionOver, UnknownAccount
from streams.identity.roles import Role
from streams.identity.tokens import RefreshToken, TokenError, parse_refresh_token

_SEED_BYTES = 16


class Sessions(Desk):
    """Continues sessions and ends them."""

    async def refresh(self, refresh_token: str) -> Session:
        """New tokens of a session; the old refresh token is used up.

        Two at once with the same one, or a second one within `Rules.grace`, get the same
        successor: an answer that was lost ends nothing. A later one ends the session.

        Raises:
            SessionOver
        """
        try:
            token = parse_refresh_token(refresh_token)
        except TokenError:
            raise SessionOver("invalid") from None
        at = self._clock()
        row = await self._row(token)
        if row["expires_at"] <= at:
            await self._end(row["user_id"], EndSession(at, token.session_id, "expired"))
            raise SessionOver("expired")
        if token.generation == row["generation"] and not await self._rotate(token, at):
            row = await self._row(token)  # somebody was faster
        newest, used = row["generation"], token.generation
        if newest not in (used, used + 1) or (
            newest > used and at - row["rotated_at"] > self._rules.grace
        ):
            await self._end(row["user_id"], EndSession(at, token.session_id, "reuse"))
            raise SessionOver("reuse", "the refresh token was used twice: log in again")
        role = Role(row["role"])
        seed = row["seed"]
        return self._session(row["user_id"], token.session_id, role, used + 1, seed, at)

    async def logout(self, user_id: str, session_id: str) -> None:
        """End a session; one that has ended stays so."""
        await self._end(user_id, EndSession(self._clock(), session_id, "logout"))

    async def logout_everywhere(self, user_id: str) -> None:
        """End every session of a user."""
        await self._end(user_id, EndSessions(self._clock()))

    async def _row(self, token: RefreshToken) -> rows.Row:
        """The session's row, where the token was made for it.

        Raises:
            SessionOver
        """
        async with self._pool.connection() as conn:
            row = await rows.one(conn, "session", session_id=token.session_id)
        if row is None or token.generation > row["generation"]:
            raise SessionOver("invalid")
        if not self._tokens.proves(token, row["seed"]):
            raise SessionOver("invalid")  # and nobody's session ends by a token that was made up
        return row

    async def _rotate(self, token: RefreshToken, at: dt.datetime) -> bool:
        """Move the session to its next generation; False: somebody else has."""
        facts = {"session_id": token.session_id, "generation": token.generation}
        expires_at = at + self._rules.refresh
        async with self._pool.connection() as conn:
            return await rows.change(conn, "rotate", at=at, expires_at=expires_at, **facts) == 1

    async def _end(self, user_id: str, command: EndSession | EndSessions) -> None:
        try:
            await self._decide(user_id, command)
        except UnknownAccount:
            return

    def _session(
        self,
        user_id: str,
        session_id: str,
        role: Role,
        generation: int,
        seed: bytes,
        at: dt.datetime,
    ) -> Session:
        """The tokens of a session."""
        return Session(
            user_id=user_id,
            session_id=session_id,
            role=role,
            access_token=self._tokens.issue(user_id, session_id, role, at),
            refresh_token=self._tokens.refresh_token(session_id, generation, seed),
            expires_in=int(self._tokens.access.total_seconds()),
            refresh_expires_in=int(self._rules.refresh.total_seconds()),
        )

    async def _add(
        self, conn: rows.Connection, user_id: str, session_id: str, seed: bytes, at: dt.datetime
    ) -> None:
        facts = {"session_id": session_id, "seed": seed, "expires_at": at + self._rules.refresh}
        await rows.change(conn, "add_session", user_id=user_id, at=at, **facts)

    def _seed(self) -> bytes:
        return os.urandom(_SEED_BYTES)


def new_session_id() -> str:
    """A random id of letters and digits."""
    return secrets.token_hex(12)
