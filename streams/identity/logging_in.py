"""Logins: by password with a second factor where one is on, and by a provider."""

from __future__ import annotations

import datetime as dt
from typing import NoReturn

from streams.decisions.decider import Refused
from streams.decisions.execution import Effect
from streams.identity import codes, rows
from streams.identity.answers import Session
from streams.identity.commands import FailLogin, LinkProvider, LogIn
from streams.identity.desk import TOTP
from streams.identity.emails import checked, folded
from streams.identity.errors import (
    LinkRefused,
    LoginRefused,
    NotVerified,
    TwoFactorNeeded,
    UnknownAccount,
)
from streams.identity.events import Failure, Method
from streams.identity.locks import Lock
from streams.identity.registering import Registering
from streams.identity.sessions import Sessions, new_session_id
from streams.identity.state import Account, Status

_RACES = 5  # of first logins through a provider


class LoggingIn(Registering, Sessions):
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

    async def _explain(self, user_id: str, refused: Refused, at: dt.datetime) -> NoReturn:
        if refused.code == "locked":
            hold((await self._look(user_id)).lock, at)
        if refused.code == "unverified":
            raise NotVerified from None
        if refused.code == "two_factor":
            raise TwoFactorNeeded from None
        raise LoginRefused from None

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


def hold(lock: Lock, at: dt.datetime) -> None:
    """Refuse while a lock holds.

    Raises:
        LoginRefused: with `locked_until`.
    """
    if lock.holds(at):
        raise LoginRefused("too many attempts failed: wait", lock.until)


def _enter(state: Account, verified_only: bool) -> None:
    """Refuse before a code is asked for, or used up."""
    if state.status is Status.SUSPENDED:
        raise LoginRefused
    if verified_only and not state.verified:
        raise NotVerified


async def _strangers_lock(conn: rows.Connection, lookup: bytes) -> Lock:
    row = await rows.one(conn, "stranger", lookup=lookup)
    return Lock() if row is None else Lock(row["failures"], row["locks"], row["locked_until"])


async def _nothing(conn: rows.Connection) -> None:
    """Nothing more is to be proved."""
