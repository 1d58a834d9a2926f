"""A backup of the database, and its restore beside a projector that knows nothing of it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from infra.embedded.postgres import ADMINISTRATOR, _binary
from tests.chaos.projections.postgres import OwnPostgres

_DATABASE = "groundswell"
_RESTORED = "groundswell_restored"
_OLD = "groundswell_old"
_EMPTIES_WITHIN_S = 60.0


class Backup:
    """One dump at a time of the database of the projections.

    Args:
        directory: where the dump lies.
    """

    def __init__(self, server: OwnPostgres, directory: Path) -> None:
        self._server = server
        self._path = directory / "backup.dump"

    @property
    def exists(self) -> bool:
        """Whether a dump was taken."""
        return self._path.exists()

    def take(self) -> bool:
        """Dump the database as it stands; False where tables changed their places meanwhile."""
        unfinished = self._path.with_suffix(".unfinished")
        options = ["--format=custom", "--compress=0", f"--file={unfinished}"]
        code = self._run("pg_dump", *options, self._server.dsn(ADMINISTRATOR, _DATABASE)).returncode
        if code == 0:
            unfinished.replace(self._path)
        return code == 0

    def restore(self) -> None:
        """Restore the dump into a database of its own, and let that take the first one's place."""
        with self._administrator() as connection:
            for statement in ("DROP DATABASE IF EXISTS {} WITH (FORCE)", "CREATE DATABASE {}"):
                connection.execute(sql.SQL(statement).format(sql.Identifier(_RESTORED)))
            into = f"--dbname={self._server.dsn(ADMINISTRATOR, _RESTORED)}"
            done = self._run("pg_restore", "--exit-on-error", into, str(self._path))
            assert done.returncode == 0, done.stderr.decode()
            old, new, spare = map(sql.Identifier, (_DATABASE, _RESTORED, _OLD))
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(old))
            self._empty(connection)
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(old, spare))
            connection.execute(rename.format(new, old))
            connection.execute(sql.SQL("ALTER DATABASE {0} OWNER TO {0}").format(old))
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(spare))

    @staticmethod
    def _empty(connection: psycopg.Connection) -> None:
        """Nobody is connected to the database any more."""
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        deadline = time.monotonic() + _EMPTIES_WITHIN_S
        while connection.execute(end, (_DATABASE,)).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _administrator(self) -> psycopg.Connection:
        return psycopg.connect(self._server.dsn(ADMINISTRATOR, "postgres"), autocommit=True)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([_binary(program), *arguments], capture_output=True)
