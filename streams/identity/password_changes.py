"""Another password: by who knows the old one, or through the address."""

from __future__ import annotations

from streams.identity import rows
from streams.identity.commands import ChangePassword
from streams.identity.desk import EMAIL, random_token, token_hash
from streams.identity.errors import TokenRefused, UnknownAccount
from streams.identity.logging_in import LoggingIn
from streams.identity.passwords import check


class PasswordChanges(LoggingIn):
    """Changes passwords; each change ends every session."""

    async def change_password(self, user_id: str, old: str, new: str) -> None:
        """Change a password, and end every session.

        Raises:
            LoginRefused: the old one is wrong; that counts as a failed login.
            PasswordRefused, UnknownAccount
        """
        at = self._clock()
        known = await self._prove_password(user_id, old, at)
        await self._check_new(user_id, new)
        hashed = await self._passwords.hash(new)

        async def changed(conn: rows.Connection) -> None:
            facts = {"user_id": user_id, "known": known, "hash": hashed}
            await rows.claim(conn, "replace_password", **facts)

        try:
            await self._decide(user_id, ChangePassword(at, "changed"), rows_too=changed)
        except rows.Spent:
            await self._fail(user_id, "password", at)

    async def ask_reset(self, email: str) -> str | None:
        """A token for the reset e-mail; None where nobody has the address."""
        user_id = await self._user_of(email)
        if user_id is None:
            return None
        token, hashed = random_token()
        async with self._pool.connection() as conn:
            expires_at = self._clock() + self._rules.reset
            await rows.set_token(conn, user_id, rows.RESET, hashed, expires_at)
        return token

    async def reset_password(self, token: str, new: str) -> str:
        """Set a password with a token of the reset e-mail, end every session; the user's id.

        The address is verified by it, and a lock is lifted.

        Raises:
            TokenRefused, PasswordRefused
        """
        at = self._clock()
        use = {"hash": token_hash(token), "purpose": rows.RESET, "at": at}
        async with self._pool.connection() as conn:
            found = await rows.one(conn, "token", **use)
        if found is None:
            raise TokenRefused
        user_id = str(found["user_id"])
        await self._check_new(user_id, new)
        hashed = await self._passwords.hash(new)

        async def changed(conn: rows.Connection) -> None:
            await rows.claim(conn, "use_token", **use)
            await rows.change(conn, "set_password", user_id=user_id, hash=hashed)

        try:
            await self._decide(user_id, ChangePassword(at, "reset"), rows_too=changed)
        except (rows.Spent, UnknownAccount):
            raise TokenRefused from None
        return user_id

    async def _check_new(self, user_id: str, password: str) -> None:
        state = await self._look(user_id)
        [address] = await self._open(EMAIL, state.email)
        check(password, self._rules.shortest_password, address or "")
