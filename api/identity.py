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
from streams.identity.accounts import Accounts
from streams.identity.tokens import Tokens
from streams.identity.verifying import Verifier


@dataclass(frozen=True)
class Identity:
    """Accounts, and how their holders are reached.

    Attributes:
        base: the address that people reach the API at.
        providers: who vouches for people, by name.
    """

    accounts: Accounts
    postman: Postman
    letters: Letters
    base: str
    providers: Mapping[str, Provider]
    journeys: Journeys

    @classmethod
    def of(
        cls,
        settings: Settings,
        pool: AsyncConnectionPool,
        person_keys: PersonKeys,
        tokens: Tokens,
        verifier: Verifier,
    ) -> Self:
        """Make it; nothing connects yet."""
        base = public_base(settings)
        return cls(
            accounts=Accounts(pool, person_keys, tokens, changed=verifier.drop),
            postman=Postman.of(settings),
            letters=Letters(settings.mail_from, base),
            base=base,
            providers={name: Provider(name, one) for name, one in settings.oidc.items()},
            journeys=Journeys(settings.jwt_secrets[0], secure=base.startswith("https:")),
        )

    async def close(self) -> None:
        """Let mail that is on its way end."""
        await asyncio.to_thread(self.postman.close)
