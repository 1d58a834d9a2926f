"""Logins by password, with a second factor where one is on."""

from __future__ import annotations

import datetime as dt
from typing import NoReturn

from streams.decisions.decider import Refused
from streams.decisions.execution import Effect
from streams.identity import rows
from streams.identity.answers import Session
from streams.identity.commands import LogIn
from streams.identity.errors import LoginRefused, NotVerified, TwoFactorNeeded, UnknownAccount
from streams.identity.events import Method
from streams.identity.proving import Proving, hold
from streams.identity.registering import Registering
from streams.identity.sessions import Sessions, new_session_id
from streams.identity.state import Account, Status
from streams.identity.strangers import Strangers


class LoggingIn(Registering, Sessions, Proving, Strangers):
    """Opens sessions for those who prove who they are."""

    async def login(self, email: str, password: str, *, code: str | None = None) -> Session:
        """Open a session.

        Args:
            code: six digits of an authenticator, or a backup code.

        Raises:
            LoginRefused, TwoFactorNeeded, NotVerified
        """
        at = self._clock()
        user_id = await self._user_of(email)
        try:
            state = None if user_id is None else await self._look(user_id)
        except UnknownAccount:
            state = None
        if user_id is None or state is None:
            await self._refuse_stranger(email, password, at)
        hold(state.lock, at)
        known = await self._password_of(user_id)
        if not await self._passwords.verify(known, password) or known is None:
            await self._fail(user_id, "password", at)
        _enter(state, self._rules.verified_only)
        newer = None
        if self._passwords.outdated(known):
            newer = await self._passwords.hash(password)
        try:
            method, use = await self._second_factor(user_id, state, code, at)
        except rows.Spent:
            await self._fail(user_id, "code", at)

        async def proved(conn: rows.Connection) -> None:
            # What was right when it was looked at may be another one's turn since.
            use_of = {"user_id": user_id, "known": known}
            await rows.claim(conn, "replace_password", hash=newer or known, **use_of)
            if use is not None:
                await use(conn)

        try:
            return await self._begin(user_id, method, at, proved)
        except rows.Spent:
            await self._fail(user_id, "password" if use is None else "code", at)

    async def _begin(
        self, user_id: str, method: Method, at: dt.datetime, proved: Effect
    ) -> Session:
        """A session of somebody who has proved to be that user.

        Raises:
            LoginRefused, TwoFactorNeeded, NotVerified
            Spent: what `proved` claims is gone.
        """
        session_id = new_session_id()
        async with self._pool.connection() as conn:
            lapsed = await rows.every(conn, "lapsed", user_id=user_id, at=at)
        ended = tuple(row["session_id"] for row in lapsed)
        only = self._rules.verified_only
        seed = self._seed()

        async def begun(conn: rows.Connection) -> None:
            await proved(conn)
            await self._add(conn, user_id, session_id, seed, at)

        command = LogIn(at, session_id, method, ended, only)
        try:
            state = (await self._decide(user_id, command, rows_too=begun)).state
        except Refused as refused:
            await self._explain(user_id, refused, at)
        except UnknownAccount:
            raise LoginRefused from None
        return self._session(user_id, session_id, state.role, 1, seed, at)

    async def _explain(self, user_id: str, refused: Refused, at: dt.datetime) -> NoReturn:
        if refused.code == "locked":
            hold((await self._look(user_id)).lock, at)
        if refused.code == "unverified":
            raise NotVerified from None
        if refused.code == "two_factor":
            raise TwoFactorNeeded from None
        raise LoginRefused from None


def _enter(state: Account, verified_only: bool) -> None:
    """Refuse before a code is asked for, or used up."""
    if state.status is Status.SUSPENDED:
        raise LoginRefused
    if verified_only and not state.verified:
        raise NotVerified
