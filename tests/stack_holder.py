"""Owns the servers of a test run: `python -m tests.stack_holder DIRECTORY`; see `fix_servers`."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from pathlib import Path

from infra.embedded.guard import Guard
from infra.embedded.home import Home, write_private_json
from infra.embedded.locks import file_lock
from infra.embedded.stack import Servers
from infra.settings import JWT_SECRET_FILE, PERSONAL_DATA_SECRET_FILE, Settings


def main(directory: Path) -> None:
    """Start the servers, say so, and stop them when the last user has let go."""
    with file_lock(directory / "holder"):
        home = Home(directory / "home")
        home.prepare()
        guard = Guard()
        stopped = False
        servers = Servers(_all_unset(home.path), home, guard)
        try:
            servers.start()
            assert servers.postgres is not None
            home.secret(PERSONAL_DATA_SECRET_FILE)
            home.secret(JWT_SECRET_FILE)
            settings = json.loads(servers.settings().model_dump_json(exclude_none=True))
            write_private_json(
                directory / "ready.json",
                {
                    "settings": settings,
                    "administrator_dsn": servers.postgres.dsn("postgres", "postgres"),
                },
            )
            users = os.open(directory / "users", os.O_RDWR)
            fcntl.flock(users, fcntl.LOCK_EX)
            stopped = True
        finally:
            servers.stop()
            guard.close()
            (directory / "ready.json").unlink(missing_ok=True)
            if stopped:  # the main process is gone too, perhaps killed: nobody else tidies up
                shutil.rmtree(directory, ignore_errors=True)


def _all_unset(home: Path) -> Settings:
    """Settings that no environment variable points at somebody's real servers."""
    return Settings(
        _env_file=None,
        groundswell_home=home,
        kafka_bootstrap_servers=None,
        schema_registry_url=None,
        database_url=None,
        redis_url=None,
        artifacts_url=None,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
