"""Accounts, for commands: what the API does with them, on this machine and without logging in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from infra.settings import Settings
from schemas.personal.keys import PersonKeys
from streams.decisions.connections import connections
from streams.identity.accounts import Accounts
from streams.identity.errors import UnknownAccount
from streams.identity.schema import prepare
from streams.identity.tokens import Tokens

T = TypeVar("T")


def asked(settings: Settings, question: Callable[[Accounts], Awaitable[T]]) -> T:
    """What accounts answer; their tables are made where they are missing.

    Raises:
        IdentityError, Refused, ScopeError: see `Accounts`.
        PersonalDataError: the keys of persons are sealed under another secret.
        psycopg.OperationalError: PostgreSQL is away.
    """
    prepare(settings.dsn)  # also tells at once that PostgreSQL is away

    async def answered() -> T:
        async with _accounts(settings) as accounts:
            return await question(accounts)

    return asyncio.run(answered())


async def named(accounts: Accounts, user: str) -> str:
    """The id of a user who is named by it, or by an e-mail address.

    Raises:
        UnknownAccount: nobody is called so.
    """
    if "@" not in user:
        return user
    found = await accounts.user_of(user)
    if found is None:
        raise UnknownAccount("no account has this e-mail address")
    return found


@asynccontextmanager
async def _accounts(settings: Settings) -> AsyncIterator[Accounts]:
    async with connections(settings.dsn, most=2) as pool:
        with PersonKeys(settings.dsn, settings.personal_data_secrets) as keys:
            accounts = Accounts(pool, keys, Tokens(settings.jwt_secrets))
            try:
                yield accounts
            finally:
                accounts.close()
