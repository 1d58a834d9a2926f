"""Forgetting a person: the account and the key go, and what else names them is counted."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass

import psycopg

from infra.accounts import asked
from infra.settings import Settings
from schemas.personal.keys import PersonKeys
from schemas.sql import beside
from streams.identity.forgetting import forget_account, user_named

_SQL = beside(__file__)


@dataclass(frozen=True)
class Forgotten:
    """What forgetting did.

    Attributes:
        forgotten: whether there was a key.
        jobs: generation jobs whose user_id is that person's id, in plain.
        account: whether the person had an account.
    """

    forgotten: bool
    jobs: int
    account: bool


def forget_named(settings: Settings, name: str) -> Forgotten:
    """As `forget_person`, and by an e-mail address: the account that has it goes, and so does what
    producers sent under the address as an id.

    Raises: as `forget_person`.
    """
    done = [forget_person(settings, name)]
    if "@" in name:
        user_id = asked(settings, lambda accounts: accounts.user_of(name))
        if user_id is not None:
            done.append(forget_person(settings, user_id))
    return Forgotten(
        forgotten=any(one.forgotten for one in done),
        jobs=sum(one.jobs for one in done),
        account=any(one.account for one in done),
    )


def forget_person(settings: Settings, person: str) -> Forgotten:
    """Delete the account of a person, and the key; a second time changes nothing.

    Args:
        person: the id (of an account its user_id), or a value that was sealed for the person.

    Raises:
        PersonalDataError: the keys are sealed under another secret.
        psycopg.OperationalError: PostgreSQL is away.
    """
    secrets = settings.personal_data_secrets
    # While the key is there: a value that was sealed with it names the account.
    account = asyncio.run(_forget_account(settings.dsn, person))
    with PersonKeys(settings.dsn, secrets) as keys:
        forgotten = keys.forget(person)
    with psycopg.connect(settings.dsn) as connection:
        known = connection.execute(_SQL["known"]).fetchone()
        row = connection.execute(_SQL["jobs"], {"user": person}).fetchone() if known else None
    return Forgotten(forgotten, row[0] if row else 0, account)


async def _forget_account(dsn: str, person: str) -> bool:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        row = await (await conn.execute(_SQL["accounts"])).fetchone()
        user_id = await user_named(conn, person) if row and row[0] else None
        if user_id is None:
            return False
        return await forget_account(conn, user_id, dt.datetime.now(dt.UTC))
