"""What everything that is asked of accounts has in common: one decision, its rows, sealed text."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import partial

from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import IDENTITY_EVENTS
from schemas.personal.errors import TamperedError
from schemas.personal.keys import PersonKeys
from schemas.personal.sealed import PersonKey, place_of, reference_of
from streams.decisions.decider import Refused
from streams.decisions.execution import Decision, Effect, execute, look
from streams.identity import rows
from streams.identity.account import IDENTITY
from streams.identity.commands import AccountCommand
from streams.identity.errors import UnknownAccount
from streams.identity.events import AccountEvent
from streams.identity.passwords import Passwords
from streams.identity.rules import RULES, Rules
from streams.identity.state import Account
from streams.identity.tokens import Tokens

EMAIL = place_of(IDENTITY_EVENTS.name, "email")
NAME = place_of(IDENTITY_EVENTS.name, "name")
REASON = place_of(IDENTITY_EVENTS.name, "reason")
TOTP = b"identity_totp/secret"

Decided = Decision[Account, AccountEvent]


def now() -> dt.datetime:
    """The present (UTC)."""
    return dt.datetime.now(dt.UTC)


class Desk:
    """Where accounts are worked at. Each call is one transaction: events and rows, or neither.

    Args:
        pool: of `streams.decisions.connections.connections` (autocommit).
        passwords: how they are hashed.
        changed: called with a user's id after a change that a verifier may have remembered:
            `Verifier.drop`.

    Every method may also raise:
        PersonalDataError: keys of persons cannot be had.
        psycopg.OperationalError, psycopg_pool.PoolTimeout: PostgreSQL is away.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool,
        person_keys: PersonKeys,
        tokens: Tokens,
        rules: Rules = RULES,
        *,
        passwords: Passwords | None = None,
        changed: Callable[[str], None] = lambda user_id: None,
        clock: Callable[[], dt.datetime] = now,
    ) -> None:
        self._pool = pool
        self._person_keys = person_keys
        self._tokens = tokens
        self._rules = rules
        self._passwords = passwords or Passwords()
        self._changed = changed
        self._clock = clock
        self._hash_key: bytes | None = None

    def close(self) -> None:
        """Let go of threads; the pool and the keys are the caller's."""
        self._passwords.close()

    async def _look(self, user_id: str) -> Account:
        """An account as it is now.

        Raises:
            UnknownAccount
        """
        async with self._pool.connection() as conn:
            state = (await look(conn, IDENTITY, user_id)).state
        if not state.status.exists:
            raise UnknownAccount
        return state

    async def _decide(
        self, user_id: str, command: AccountCommand, *, rows_too: Effect | None = None
    ) -> Decided:
        """Decide a command; with its events, `rows_too` runs, and what follows for rows.

        Raises:
            UnknownAccount
            Refused: see the decider.
            Exception: what `rows_too` raises; then nothing has happened.
        """

        def besides(decision: Decided) -> Effect:
            async def effect(conn: rows.Connection) -> None:
                if rows_too is not None:
                    await rows_too(conn)
                await rows.following(user_id, decision.events)(conn)

            return effect

        try:
            async with self._pool.connection() as conn:
                return await execute(conn, IDENTITY, user_id, command, besides=besides)
        except Refused as refused:
            if refused.code == "unknown":
                raise UnknownAccount from None
            raise
        finally:
            self._changed(user_id)  # also when nobody waits any more: it may have happened

    async def _seal(self, user_id: str, place: bytes, text: str) -> str:
        keys = await asyncio.to_thread(self._person_keys.of, [user_id])
        return keys[user_id].seal(place, text)

    async def _open(self, place: bytes, *texts: str | None) -> list[str | None]:
        """Sealed texts of one place as they were; None where the person was forgotten."""
        references = {one for text in texts if text and (one := reference_of(text))}
        if not references:
            return [None] * len(texts)
        keys = await asyncio.to_thread(self._person_keys.by_reference, references)
        return [_opened(keys.get(reference_of(text or "") or b""), place, text) for text in texts]

    async def _drop_key(self, user_id: str) -> bool:
        return await asyncio.to_thread(self._person_keys.forget, user_id)

    async def _keyed_hash(self, kind: str, *parts: str) -> bytes:
        """What personal text is found by: an HMAC, which tells nobody what it is of."""
        key = await self._key_of_hashes()
        return hmac.digest(key, "\0".join([kind, *parts]).encode(errors="replace"), "sha256")

    async def _key_of_hashes(self) -> bytes:
        if self._hash_key is None:
            derived = partial(self._person_keys.derived, b"identity")
            self._hash_key = await asyncio.to_thread(derived)
        return self._hash_key


def _opened(key: PersonKey | None, place: bytes, text: str | None) -> str | None:
    if key is None or text is None:
        return None
    try:
        return key.open(place, text)
    except TamperedError:
        return None


def random_token() -> tuple[str, bytes]:
    """Random text for a URL or a header, and what is stored of it."""
    text = secrets.token_urlsafe(32)
    return text, token_hash(text)


def token_hash(text: str) -> bytes:
    """What is stored of a random text: 256 bits of chance need no salt and no slow hash."""
    return hashlib.sha256(text.encode(errors="replace")).digest()
