"""Accounts on real tables, with a clock that the test moves."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg import sql

from schemas.personal.keys import PersonKeys
from streams.decisions.connections import connections
from streams.identity.accounts import Accounts
from streams.identity.passwords import Passwords
from streams.identity.rules import RULES, Rules
from streams.identity.schema import prepare
from streams.identity.tokens import Tokens
from streams.identity.verifying import Verifier

PERSONS = "the secret of this installation, long enough"
SECRET = "the secret that sessions are signed with"
PASSWORD = "correct horse battery"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

T = TypeVar("T")


class Clock:
    """Seconds since 1970 that pass when they are told to."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def passes(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


@dataclass
class Place:
    """One process's view of the accounts of a database."""

    dsn: str
    accounts: Accounts
    verifier: Verifier
    clock: Clock
    keys: PersonKeys
    names: Iterator[int] = field(default_factory=itertools.count)

    def address(self) -> str:
        return f"ada{next(self.names)}-{uuid.uuid4().hex[:8]}@example.org"

    async def verified(self, email: str | None = None) -> tuple[str, str]:
        """Address and id of a new user who is verified."""
        email = email or self.address()
        made = await self.accounts.register(email, PASSWORD, "Ada", verified=True)
        assert made.user_id is not None
        return email, made.user_id

    def told(self, user_id: str) -> list[tuple[str, dict[str, Any]]]:
        """What is recorded of a user."""
        return self.query(
            "SELECT type, body FROM decision_events WHERE domain = 'identity' AND stream_id = %s"
            " ORDER BY version",
            user_id,
        )

    def query(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def tables(stack: dict[str, Any]) -> Iterator[str]:
    """A database with the tables of accounts, for a whole module: each test has its own people."""
    name = f"identity-{uuid.uuid4().hex[:12]}"
    settings: dict[str, str] = stack["settings"]
    with psycopg.connect(stack["administrator_dsn"], autocommit=True) as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER groundswell").format(identifier))
        dsn = settings["database_url"].rpartition("/")[0] + f"/{name}"
        prepare(dsn)
        yield dsn
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


Play = Callable[[Callable[[Place], Awaitable[T]]], T]


@pytest.fixture
def play(tables: str) -> Iterator[Play[Any]]:
    """Run a scenario with accounts, in an event loop of its own."""
    with PersonKeys(tables, [PERSONS]) as keys:
        yield lambda scenario: asyncio.run(opened(tables, keys, scenario))


async def opened(
    dsn: str,
    keys: PersonKeys,
    scenario: Callable[[Place], Awaitable[T]],
    *,
    rules: Rules = RULES,
    hasher: PasswordHasher = CHEAP,
    clock: Clock | None = None,
    timer: Callable[[], float] = monotonic,
) -> T:
    clock = clock or Clock()
    tokens = Tokens([SECRET])
    passwords = Passwords(hasher, at_once=2)
    async with connections(dsn, most=6) as pool:
        verifier = Verifier(pool, tokens, clock=clock.seconds, timer=timer)
        accounts = Accounts(
            pool, keys, tokens, rules, passwords=passwords, changed=verifier.drop, clock=clock
        )
        try:
            return await scenario(Place(dsn, accounts, verifier, clock, keys))
        finally:
            accounts.close()
