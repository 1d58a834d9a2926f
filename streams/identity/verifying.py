"""What is asked on every request: does this credential still prove somebody?

What the database said is remembered for a second, per user. A change in this process drops what is
remembered of the user (`drop`), and what is being asked then is not remembered.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic, time

import psycopg
import structlog
from cachetools import LRUCache, TTLCache
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from streams.identity import rows, scopes
from streams.identity.desk import token_hash
from streams.identity.keys import parts
from streams.identity.principal import Principal
from streams.identity.roles import Role
from streams.identity.tiers import Tier
from streams.identity.tokens import Claims, TokenError, Tokens

FRESH_SECONDS = 1.0  # for so long a revocation in another process may go unnoticed
TOUCH_SECONDS = 60  # `last_used` of a key is written at most so often

_REMEMBERED = 20_000  # tokens, and users
_MOST_OF_A_USER = 200  # credentials

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a credential proves nobody.

    Attributes:
        code: for a program: `expired` (refresh it), `ended` (the session is over), `suspended`,
            `invalid` (also: a key that was revoked).
        reason: for a person.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database said of a credential; of a key with the hash of its random part."""

    answer: Principal | Denied
    until: float
    hash: bytes = b""


_NO_TOKEN = Denied("ended", "the session is over: log in again")
_NO_KEY = Denied("invalid", "there is no such key, or it was revoked")
_SUSPENDED = Denied("suspended", "the account is suspended")
_EXPIRED = Denied("expired", "the token has expired: refresh it")


class Verifier:
    """Proves who somebody is, from memory wherever the database was asked within a second.

    Its methods raise psycopg.OperationalError or psycopg_pool.PoolTimeout when PostgreSQL has to
    be asked and is away. For one event loop.

    Args:
        pool: of `streams.decisions.connections.connections`.
        clock: seconds since 1970.
        timer: seconds that only rise.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool,
        tokens: Tokens,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._pool = pool
        self._tokens = tokens
        self._fresh = fresh_seconds
        self._clock = clock
        self._timer = timer
        self._claims: LRUCache[bytes, Claims] = LRUCache(_REMEMBERED)
        self._owners: LRUCache[str, str] = LRUCache(_REMEMBERED)  # of keys, which never change
        self._users: LRUCache[str, dict[str, _Known]] = LRUCache(_REMEMBERED)
        self._nobody_s: TTLCache[str, None] = TTLCache(_REMEMBERED, fresh_seconds, timer)
        self._touched: LRUCache[str, float] = LRUCache(_REMEMBERED)
        self._asking: dict[str, asyncio.Task[_Known]] = {}
        self._changes = 0

    async def by_token(self, offered: str) -> Principal | Denied:
        """Whom an access token proves: signature, audience, time, session and account are good."""
        digest = sha256(offered.encode(errors="replace")).digest()
        claims = self._claims.get(digest)
        if claims is None:
            try:
                claims = self._claims[digest] = self._tokens.read(offered)
            except TokenError as error:
                return Denied(error.code, str(error))
        if claims.expires <= self._clock():
            return _EXPIRED
        of_user = self._users.get(claims.user_id)
        known = of_user.get(claims.session_id) if of_user else None
        if known is None or known.until <= self._timer():
            question = self._read_session(claims.user_id, claims.session_id)
            known = await self._ask(claims.session_id, question)
        return known.answer

    async def by_key(self, offered: str) -> Principal | Denied:
        """Whom a key (`gsk_...`) proves."""
        found = parts(offered)
        if found is None:
            return Denied("invalid", "this is no key: keys begin with gsk_")
        key_id, secret = found
        of_user = self._users.get(self._owners.get(key_id, ""))
        known = of_user.get(key_id) if of_user else None
        if known is None or known.until <= self._timer():
            if key_id in self._nobody_s:
                return _NO_KEY
            known = await self._ask(key_id, self._read_key(key_id))
        if not hmac.compare_digest(token_hash(secret), known.hash):
            return _NO_KEY
        if isinstance(known.answer, Principal) and self._is_due(key_id):
            await self._touch(key_id)
        return known.answer

    def drop(self, user_id: str) -> None:
        """Ask the database about that user's credentials from now on: something has changed."""
        self._changes += 1
        self._asking.clear()
        self._users.pop(user_id, None)

    async def _ask(self, credential: str, question: Coroutine[None, None, _Known]) -> _Known:
        """The answer to a question that is asked once, however many wait for it."""
        asking = self._asking.get(credential)
        if asking is None:
            asking = asyncio.create_task(question)
            self._asking[credential] = asking
            asking.add_done_callback(lambda done: self._asked(credential, done))
        else:
            question.close()
        return await asyncio.shield(asking)

    def _asked(self, credential: str, done: asyncio.Task[_Known]) -> None:
        if self._asking.get(credential) is done:
            del self._asking[credential]
        if not done.cancelled():
            done.exception()  # whoever waited has it; if nobody does any more, it is no news

    async def _read_session(self, user_id: str, session_id: str) -> _Known:
        changes, until = self._changes, self._timer() + self._fresh
        async with self._pool.connection() as conn:
            row = await rows.one(conn, "verify_session", user_id=user_id, session_id=session_id)
        answer: Principal | Denied = _NO_TOKEN
        if row is not None:
            answer = _SUSPENDED
            if not row["suspended"]:
                role, tier = Role(row["role"]), Tier(row["tier"])
                answer = Principal(user_id, role, tier, None, f"session:{session_id}")
        known = _Known(answer, until)
        self._remember(user_id, session_id, known, changes)
        return known

    async def _read_key(self, key_id: str) -> _Known:
        changes, until = self._changes, self._timer() + self._fresh
        async with self._pool.connection() as conn:
            row = await rows.one(conn, "verify_key", key_id=key_id)
        if row is None:
            self._nobody_s[key_id] = None
            return _Known(_NO_KEY, until)
        answer: Principal | Denied = _SUSPENDED
        if not row["suspended"]:
            answer = _principal(row, key_id)
        known = _Known(answer, until, bytes(row["hash"]))
        self._owners[key_id] = row["user_id"]
        if row["last_used"] is not None:
            self._touched[key_id] = row["last_used"].timestamp()
        self._remember(row["user_id"], key_id, known, changes)
        return known

    def _remember(self, user_id: str, credential: str, known: _Known, changes: int) -> None:
        if changes != self._changes:
            return  # it may be of before the change
        of_user = self._users.setdefault(user_id, {})
        if len(of_user) >= _MOST_OF_A_USER:
            of_user.clear()
        of_user[credential] = known

    def _is_due(self, key_id: str) -> bool:
        return self._clock() - self._touched.get(key_id, 0.0) >= TOUCH_SECONDS

    async def _touch(self, key_id: str) -> None:
        now = self._clock()
        self._touched[key_id] = now
        at = dt.datetime.fromtimestamp(now, dt.UTC)
        before = at - dt.timedelta(seconds=TOUCH_SECONDS)
        try:
            async with self._pool.connection() as conn:
                await rows.change(conn, "touch_key", key_id=key_id, at=at, before=before)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("a key's last use is not written", key_id=key_id, reason=str(error))


def _principal(row: rows.Row, key_id: str) -> Principal:
    """Whom a key proves: within what its owner may now."""
    role, most = Role(row["role"]), Tier(row["owner_tier"])
    tier = most if row["tier"] is None else min(Tier(row["tier"]), most, key=list(Tier).index)
    within = scopes.within(row["scopes"], role)
    return Principal(row["user_id"], role, tier, within, f"key:{key_id}")
