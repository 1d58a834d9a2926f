"""Forgetting a person: the key goes, and what else names them is counted."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from infra.settings import Settings
from schemas.personal.keys import PersonKeys
from schemas.sql import beside

_SQL = beside(__file__)


@dataclass(frozen=True)
class Forgotten:
    """What forgetting did.

    Attributes:
        forgotten: whether there was a key.
        jobs: generation jobs whose user_id is that person's id, in plain.
    """

    forgotten: bool
    jobs: int


def forget_person(settings: Settings, person: str) -> Forgotten:
    """Delete the key of a person; a second time changes nothing.

    Args:
        person: the id, or a value that was sealed for the person.

    Raises:
        PersonalDataError: the keys are sealed under another secret.
        psycopg.OperationalError: PostgreSQL is away.
    """
    with PersonKeys(settings.dsn, settings.personal_data_secrets) as keys:
        forgotten = keys.forget(person)
    with psycopg.connect(settings.dsn) as connection:
        known = connection.execute(_SQL["known"]).fetchone()
        row = connection.execute(_SQL["jobs"], {"user": person}).fetchone() if known else None
    return Forgotten(forgotten, row[0] if row else 0)
