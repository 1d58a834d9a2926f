"""The beginning of an account: registration and verification."""

from __future__ import annotations

import secrets

from psycopg.errors import UniqueViolation

from streams.identity import rows
from streams.identity.answers import Registered
from streams.identity.commands import Register, VerifyEmail
from streams.identity.desk import EMAIL, NAME, Desk, random_token, token_hash
from streams.identity.emails import checked, folded
from streams.identity.errors import TokenRefused, UnknownAccount
from streams.identity.passwords import check
from streams.identity.roles import Role
from streams.identity.tiers import Tier


class Registering(Desk):
    """Makes accounts and verifies their addresses."""

    async def register(
        self,
        email: str,
        password: str,
        name: str | None = None,
        *,
        role: Role = Role.USER,
        verified: bool = False,
        by: str | None = None,
    ) -> Registered:
        """Make an account, unless the address has one: then the same work is done in vain.

        Args:
            verified: the address needs no verification.
            by: who made it for somebody else.

        Raises:
            InvalidEmail, PasswordRefused
        """
        address = checked(email)
        check(password, self._rules.shortest_password, address)
        token, hashed = random_token()
        user_id = await self._make(
            address,
            name,
            role=role,
            verified=verified,
            by=by,
            password=await self._passwords.hash(password),
            token=None if verified else hashed,
        )
        return Registered(user_id, token if user_id is not None and not verified else None)

    async def ask_verification(self, email: str) -> str | None:
        """A new token for the verification e-mail; None where there is nothing to verify."""
        user_id = await self._user_of(email)
        if user_id is None or (await self._look(user_id)).verified:
            return None
        token, hashed = random_token()
        async with self._pool.connection() as conn:
            expires_at = self._clock() + self._rules.verification
            await rows.set_token(conn, user_id, rows.VERIFICATION, hashed, expires_at)
        return token

    async def verify_email(self, token: str) -> str:
        """Verify the address that the token was sent to; the user's id.

        Raises:
            TokenRefused
        """
        at = self._clock()
        use = {"hash": token_hash(token), "purpose": rows.VERIFICATION, "at": at}
        async with self._pool.connection() as conn:
            found = await rows.one(conn, "token", **use)
        if found is None:
            raise TokenRefused

        async def used(conn: rows.Connection) -> None:
            await rows.claim(conn, "use_token", **use)

        try:
            await self._decide(found["user_id"], VerifyEmail(at), rows_too=used)
        except (rows.Spent, UnknownAccount):
            raise TokenRefused from None
        return str(found["user_id"])

    async def _make(
        self,
        address: str,
        name: str | None,
        *,
        role: Role = Role.USER,
        verified: bool,
        by: str | None = None,
        password: str | None = None,
        token: bytes | None = None,
        link: tuple[str, bytes] | None = None,
    ) -> str | None:
        """Make an account with its rows; its id, or None where the address has one.

        Args:
            password: its hash.
            token: hash of that of the verification e-mail.
            link: a provider, and the lookup of its account.

        Raises:
            Spent: the provider's account is joined to one here.
        """
        user_id = f"usr_{secrets.token_urlsafe(16)}"
        at = self._clock()
        lookup = await self._keyed_hash("e-mail", address)
        # The person's key is on disk before anything is sealed with it; a crash in between leaves a
        # key of nobody.
        email = await self._seal(user_id, EMAIL, address)
        called = None if not name else await self._seal(user_id, NAME, name)

        async def made(conn: rows.Connection) -> None:
            facts = {"role": role, "tier": Tier.FREE, "at": at}
            await rows.change(conn, "add_user", user_id=user_id, email=email, **facts)
            if password is not None:
                await rows.change(conn, "set_password", user_id=user_id, hash=password)
            if token is not None:
                expires_at = at + self._rules.verification
                await rows.set_token(conn, user_id, rows.VERIFICATION, token, expires_at)
            if link is not None:
                await rows.add_link(conn, user_id, *link)
            try:
                await rows.change(conn, "add_email", user_id=user_id, lookup=lookup)
            except UniqueViolation:
                raise _Taken from None

        provider = None if link is None else link[0]
        command = Register(at, email, called, role, verified, provider, by)
        try:
            await self._decide(user_id, command, rows_too=made)
        except (_Taken, rows.Spent) as lost:
            await self._drop_key(user_id)
            if isinstance(lost, _Taken):
                return None
            raise
        return user_id

    async def _user_of(self, email: str) -> str | None:
        """Whose address that is."""
        lookup = await self._keyed_hash("e-mail", folded(email))
        async with self._pool.connection() as conn:
            found = await rows.one(conn, "user_of_email", lookup=lookup)
        return None if found is None else str(found["user_id"])


class _Taken(Exception):
    """The address has an account."""
