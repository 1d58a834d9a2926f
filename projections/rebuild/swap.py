"""Changing a build over: its tables take the place of those that serve, with their checkpoints.

Writers are kept out by an advisory lock while the build catches up with the checkpoints that
readers have seen, so no answer is older than one before it. Readers wait for the change itself,
which only moves names; it asks for the tables for a moment at a time and lets everybody pass in
between, so that a long query is not what all others wait behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import psycopg
from psycopg import sql

from projections.checkpoints import STATEMENTS as CHECKPOINTS
from projections.checkpoints import Connection
from projections.errors import BuildStoppedError
from projections.projection import Projection
from projections.rebuild.statements import STATEMENTS
from projections.store import connected, migrate

_PATIENCE_S = 300.0
_PAUSE_S = 0.2

Checkpoints = Mapping[tuple[str, int], int]


class Swap:
    """The change-over of a projection's tables.

    Args:
        live: schema of the tables that serve.
        build: schema of those that will; it is gone afterwards.
        catch_up: brings the build up to these offsets at least.
    """

    def __init__(
        self,
        dsn: str,
        projection: Projection,
        *,
        live: str,
        build: str,
        catch_up: Callable[[Checkpoints], None],
    ) -> None:
        self._dsn = dsn
        self._projection = projection
        self._live = live
        self._catch_up = catch_up
        self._old = f"{build}_old"
        self._facts = {
            "projection": projection.name,
            "live": live,
            "build": build,
            "old": self._old,
        }

    def run(self) -> None:
        """Change over.

        Raises:
            BuildStoppedError: somebody holds on to the tables for minutes.
        """
        with connected(self._dsn, self._projection, self._live) as connection:
            migrate(connection, self._live)
            drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self._old))
            connection.execute(drop)  # of one that was killed before the last line
            deadline = time.monotonic() + _PATIENCE_S
            while not self._changed(connection):
                if time.monotonic() > deadline:
                    raise BuildStoppedError(
                        f"the tables of {self._projection.name} have been in use for "
                        f"{_PATIENCE_S:g} s on end: end the longest query and run it again, it "
                        "goes on from where it was"
                    )
                time.sleep(_PAUSE_S)
            connection.execute(drop)

    def _changed(self, connection: Connection) -> bool:
        """One attempt; False where somebody holds a table."""
        try:
            with connection.transaction():
                connection.execute(CHECKPOINTS["keep_writers_out"], self._facts)
                rows = connection.execute(STATEMENTS["standing"], self._facts)
                self._catch_up({(topic, partition): at for topic, partition, at in rows})
                connection.execute(STATEMENTS["soon_or_not"])
                connection.execute(STATEMENTS["what"], self._facts)
                connection.execute(STATEMENTS["change_over"])
        except psycopg.errors.LockNotAvailable:
            return False
        return True
