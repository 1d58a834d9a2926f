"""Connections for commands, which decide and append in transactions."""

from __future__ import annotations

from typing import Any

import psycopg

from api.services import Services


async def connect(here: Services) -> psycopg.AsyncConnection[Any]:
    """A connection of its own: commands write, and are rare beside reads.

    Raises:
        psycopg.OperationalError: the server is away.
    """
    return await psycopg.AsyncConnection.connect(
        here.settings.dsn, autocommit=True, connect_timeout=3, application_name="groundswell-api"
    )
