"""Logins through a provider, and accounts there that are joined to those here."""

from __future__ import annotations

import datetime as dt

from streams.decisions.decider import Refused
from streams.identity import rows
from streams.identity.answers import Session
from streams.identity.commands import LinkProvider
from streams.identity.emails import checked
from streams.identity.errors import LinkRefused, LoginRefused, UnknownAccount
from streams.identity.logging_in import LoggingIn

_RACES = 5  # of first logins


class Providers(LoggingIn):
    """Opens sessions for whom a provider vouches."""

    async def login_with_provider(
        self,
        provider: str,
        subject: str,
        email: str,
        email_verified: bool,
        name: str | None = None,
    ) -> Session:
        """Open a session for whom a provider vouches; the first time, make or join an account.

        A joined account's second factor is not asked for: the provider has its own.

        Args:
            subject: the provider's id of the account (`sub`).

        Raises:
            LoginRefused: the account is locked or suspended.
            LinkRefused: see its codes.
            InvalidEmail
        """
        at = self._clock()
        lookup = await self._keyed_hash("provider", provider, subject)
        for _ in range(_RACES):
            user_id = await self._user_linked(lookup)
            if user_id is not None:
                return await self._begin(user_id, "oidc", at, _nothing)
            if not email_verified:
                raise LinkRefused(
                    "email_unverified", f"{provider} does not vouch for the e-mail address"
                )
            try:
                await self._join_or_make(provider, lookup, checked(email), name, at)
            except (rows.Spent, UnknownAccount):
                continue  # somebody was faster; or the account has just been forgotten
        raise LoginRefused

    async def link_provider(self, user_id: str, provider: str, subject: str) -> None:
        """Join a provider's account to that of somebody who is logged in.

        Raises:
            UnknownAccount
            Refused: `linked`: it is joined to somebody else's, or another one of the provider to
                this one.
        """
        lookup = await self._keyed_hash("provider", provider, subject)
        owner = await self._user_linked(lookup)
        if owner == user_id:
            return
        try:
            if owner is not None:
                raise rows.Spent
            await self._link(user_id, LinkProvider(self._clock(), provider, vouched=False), lookup)
        except rows.Spent:
            raise Refused("linked", f"that account of {provider} is joined to another") from None

    async def _join_or_make(
        self, provider: str, lookup: bytes, address: str, name: str | None, at: dt.datetime
    ) -> None:
        user_id = await self._user_of(address)
        if user_id is None:
            await self._make(address, name, verified=True, link=(provider, lookup))
            return
        try:
            await self._link(user_id, LinkProvider(at, provider, vouched=True), lookup)
        except Refused as refused:
            if await self._user_linked(lookup) is None:
                raise LinkRefused(refused.code, refused.reason) from None

    async def _link(self, user_id: str, command: LinkProvider, lookup: bytes) -> None:
        async def linked(conn: rows.Connection) -> None:
            await rows.add_link(conn, user_id, command.provider, lookup)

        await self._decide(user_id, command, rows_too=linked)

    async def _user_linked(self, lookup: bytes) -> str | None:
        async with self._pool.connection() as conn:
            found = await rows.one(conn, "user_of_link", lookup=lookup)
        return None if found is None else str(found["user_id"])


async def _nothing(conn: rows.Connection) -> None:
    """Nothing more is to be proved."""
