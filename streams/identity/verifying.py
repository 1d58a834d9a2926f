"""What is asked on every request: does this credential still prove somebody?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time

from psycopg_pool import AsyncConnectionPool

from streams.identity.principal import Principal
from streams.identity.tokens import Tokens

FRESH_SECONDS = 1.0  # for so long a revocation in another process may go unnoticed


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a credential proves nobody.

    Attributes:
        code: for a program: `expired` (refresh it), `ended` (the session is over, the key is
            revoked), `suspended`, `invalid`.
        reason: for a person.
    """

    code: str
    reason: str


class Verifier:
    """Proves who somebody is, from memory wherever the database was asked within a second.

    Its methods raise psycopg.OperationalError or psycopg_pool.PoolTimeout when PostgreSQL has to
    be asked and is away.
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
        raise NotImplementedError

    async def by_key(self, offered: str) -> Principal | Denied:
        """Whom a key (`gsk_...`) proves."""
        raise NotImplementedError

    async def by_token(self, offered: str) -> Principal | Denied:
        """Whom an access token proves: signature, audience, time, session and account are good."""
        raise NotImplementedError

    def drop(self, user_id: str) -> None:
        """Ask the database about that user's credentials from now on: something has changed."""
        raise NotImplementedError
