"""How somebody proves to be a user: password, codes, and what a failure leads to."""

from __future__ import annotations

import datetime as dt
from typing import NoReturn

from streams.decisions.execution import Effect
from streams.identity import codes, rows
from streams.identity.commands import FailLogin
from streams.identity.desk import TOTP, Desk
from streams.identity.errors import LoginRefused, TwoFactorNeeded, UnknownAccount
from streams.identity.events import Failure, Method
from streams.identity.locks import Lock
from streams.identity.state import Account


class Proving(Desk):
    """Holds what is offered against what is known."""

    async def _prove_password(self, user_id: str, password: str, at: dt.datetime) -> str:
        """The hash of a password that is right.

        Raises:
            LoginRefused: it is wrong, and that is recorded; or a lock holds.
            UnknownAccount
        """
        hold((await self._look(user_id)).lock, at)
        known = await self._password_of(user_id)
        if not await self._passwords.verify(known, password) or known is None:
            await self._fail(user_id, "password", at)
        return known

    async def _password_of(self, user_id: str) -> str | None:
        async with self._pool.connection() as conn:
            found = await rows.one(conn, "password", user_id=user_id)
        return None if found is None else str(found["hash"])

    async def _second_factor(
        self, user_id: str, state: Account, code: str | None, at: dt.datetime
    ) -> tuple[Method, Effect | None]:
        """How somebody proves to be the user besides the password, and what uses that up.

        Raises:
            TwoFactorNeeded
            Spent: the code is wrong, or was used.
        """
        if not state.two_factor:
            return "password", None
        if not code:
            raise TwoFactorNeeded
        plain = code.strip().replace(" ", "")
        if codes.is_totp(plain):
            return "totp", await self._totp_used(user_id, plain, at)
        hashed = codes.backup_hash(await self._key_of_hashes(), user_id, plain)
        if hashed is None:
            raise rows.Spent

        async def used(conn: rows.Connection) -> None:
            await rows.claim(conn, "use_backup_code", user_id=user_id, hash=hashed)

        return "backup_code", used

    async def _totp_used(self, user_id: str, code: str, at: dt.datetime) -> Effect:
        """What uses up a code of the authenticator whose secret was offered or is in use.

        Raises:
            Spent: the code is wrong, or was used.
        """
        async with self._pool.connection() as conn:
            row = await rows.one(conn, "totp", user_id=user_id)
        if row is None:
            raise rows.Spent
        [secret] = await self._open(TOTP, row["sealed_secret"])
        step = None if secret is None else codes.step_of(secret, code, at, row["last_step"])
        if step is None:
            raise rows.Spent

        async def used(conn: rows.Connection) -> None:
            facts = {"step": step, "secret": row["sealed_secret"]}
            await rows.claim(conn, "use_totp", user_id=user_id, **facts)

        return used

    async def _fail(self, user_id: str, why: Failure, at: dt.datetime) -> NoReturn:
        """Record a failure.

        Raises:
            LoginRefused: always.
        """
        try:
            lock = (await self._decide(user_id, FailLogin(at, why))).state.lock
        except UnknownAccount:
            raise LoginRefused from None
        hold(lock, at)
        raise LoginRefused


def hold(lock: Lock, at: dt.datetime) -> None:
    """Refuse while a lock holds.

    Raises:
        LoginRefused: with `locked_until`.
    """
    if lock.holds(at):
        raise LoginRefused("too many attempts failed: wait", lock.until)
