"""What an API process holds for accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from psycopg_pool import AsyncConnectionPool

from api.addresses import public_base
from api.mail.letters import Letters
from api.mail.postman import Postman
from api.oidc.journeys import Journeys
from api.oidc.provider import Provider
from infra.settings import Settings
from schemas.personal.keys import PersonKeys
from streams.decisions.connections import connections
from streams.identity.accounts import Accounts
from streams.identity.tokens import Tokens
from streams.identity.verifying import Verifier

CONNECTIONS = 8  # of one API process


@dataclass(frozen=True)
class Identity:
    """Accounts, what proves them, and how their holders are reached.

    Attributes:
        base: the address that people reach the API at.
        providers: who vouches for people, by name.
    """

    pool: AsyncConnectionPool
    accounts: Accounts
    verifier: Verifier
    postman: Postman
    letters: Letters
    base: str
    providers: Mapping[str, Provider]
    journeys: Journeys

    @classmethod
    def of(cls, settings: Settings, person_keys: PersonKeys) -> Self:
        """Make it; nothing connects yet."""
        pool = connections(settings.dsn, most=CONNECTIONS)
        tokens = Tokens(settings.jwt_secrets)
        verifier = Verifier(pool, tokens)
        base = public_base(settings)
        return cls(
            pool=pool,
            accounts=Accounts(pool, person_keys, tokens, changed=verifier.drop),
            verifier=verifier,
            postman=Postman.of(settings),
            letters=Letters(settings.mail_from, base),
            base=base,
            providers={name: Provider(name, one) for name, one in settings.oidc.items()},
            journeys=Journeys(settings.jwt_secrets[0], secure=base.startswith("https:")),
        )

    async def open(self) -> None:
        """Start connecting; a server that is away does not hold up the start."""
        await self.pool.open(wait=False)

    async def close(self) -> None:
        """End what is open."""
        await asyncio.to_thread(self.postman.close)
        await self.pool.close(timeout=2.0)
