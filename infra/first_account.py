"""The first account of an embedded stack: an administrator with a key, shown once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import structlog

from infra.settings import Settings
from infra.supervisor.shown_once import FirstAccount
from schemas.personal.keys import PersonKeys
from schemas.sql import beside
from streams.decisions.connections import connections
from streams.identity import scopes
from streams.identity.accounts import Accounts
from streams.identity.principal import INSTALLATION
from streams.identity.roles import Role
from streams.identity.schema import prepare
from streams.identity.tokens import Tokens

EMAIL = "admin@localhost"
KEY_NAME = "first start"

_PASSWORD_BYTES = 18
_SQL = beside(__file__)

log = structlog.get_logger()


class Beginning:
    """What is done before the processes of a stack start.

    Args:
        settings: as they were given: an address that is unset is that of an embedded server.
        provision: makes topics and subjects.

    Attributes:
        account: the administrator, where this was the first start.
    """

    def __init__(self, settings: Settings, provision: Callable[[Settings], object]) -> None:
        self._embedded = settings.database_url is None
        self._provision = provision
        self.account: FirstAccount | None = None

    def __call__(self, resolved: Settings) -> None:
        """Make topics, subjects, and once an administrator.

        Args:
            resolved: settings with every address.
        """
        self._provision(resolved)
        if self._embedded:  # a database of elsewhere has those whom its installation gave accounts
            self.account = first_account(resolved)


def first_account(settings: Settings) -> FirstAccount | None:
    """Make an administrator with a key where nobody has an account; None elsewhere.

    Raises:
        psycopg.OperationalError: PostgreSQL is away.
    """
    prepare(settings.dsn)
    return asyncio.run(_made(settings))


async def _made(settings: Settings) -> FirstAccount | None:
    async with connections(settings.dsn, most=2) as pool:
        async with pool.connection() as connection:
            row = await (await connection.execute(_SQL["nobody"])).fetchone()
        if row is None or not row[0]:
            return None
        with PersonKeys(settings.dsn, settings.personal_data_secrets) as person_keys:
            accounts = Accounts(pool, person_keys, Tokens(settings.jwt_secrets))
            try:
                return await _registered(accounts)
            finally:
                accounts.close()


async def _registered(accounts: Accounts) -> FirstAccount | None:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    made = await accounts.register(EMAIL, password, role=Role.ADMIN, verified=True, by=INSTALLATION)
    if made.user_id is None:
        return None  # another process was first
    key = await accounts.issue_key(made.user_id, KEY_NAME, [scopes.ADMIN], by=INSTALLATION)
    log.info("first account made", user_id=made.user_id)
    return FirstAccount(EMAIL, password, key.secret)
