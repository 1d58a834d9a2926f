"""Real servers for tests: one set per run, whichever worker of pytest-xdist asks first.

The servers belong to a process of their own (`tests.stack_holder`). Everybody who may use them
holds a shared lock on a file; the holder waits for the exclusive one, which the kernel gives it
when the last user ended, however it ended. So nothing stays behind, and no one counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from infra.embedded.locks import file_lock
from infra.settings import Settings

_START_TIMEOUT = 240.0  # seconds; the first start of a machine downloads the servers
# Servers of a test live for minutes: the optimising compiler takes a third of their CPU time and
# never gives it back.
_QUICK_START = "-XX:TieredStopAtLevel=1"
_DIRECTORY = pytest.StashKey[Path]()
_USER_LOCK = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Agree on a directory of this run; the servers start only when a test asks for them."""
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        directory = Path(workerinput["stack_directory"])
    else:
        directory = Path(tempfile.mkdtemp(prefix="groundswell-tests-"))
        directory.chmod(0o755)
    config.stash[_DIRECTORY] = directory
    if _QUICK_START not in os.environ.get("JAVA_TOOL_OPTIONS", ""):
        os.environ["JAVA_TOOL_OPTIONS"] = (
            f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {_QUICK_START}".strip()
        )
    lock = os.open(directory / "users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    config.stash[_USER_LOCK] = lock


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the directory of this run."""
    node.workerinput["stack_directory"] = str(node.config.stash[_DIRECTORY])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of the servers; the main process waits until they are gone and tidies up."""
    lock = config.stash.get(_USER_LOCK, None)
    if lock is None:
        return
    os.close(lock)
    if hasattr(config, "workerinput"):
        return
    directory = config.stash[_DIRECTORY]
    with contextlib.suppress(FileNotFoundError), file_lock(directory / "holder"):
        # Held by the holder while it lives; it removes the directory if it is the last.
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> dict[str, Any]:
    """What the holder wrote: the addresses of the servers and the administrator's dsn."""
    directory = pytestconfig.stash[_DIRECTORY]
    ready = directory / "ready.json"
    with file_lock(directory / "start"):
        if not ready.exists():
            _start_holder(directory, ready)
    found: dict[str, Any] = json.loads(ready.read_text())
    return found


def _start_holder(directory: Path, ready: Path) -> None:
    log = directory / "holder.log"
    with log.open("ab") as output:
        holder = subprocess.Popen(
            [sys.executable, "-m", "tests.stack_holder", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=Path(__file__).parent.parent,
        )
    deadline = time.monotonic() + _START_TIMEOUT
    while not ready.exists():
        if holder.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the servers do not start:\n{log.read_text()}", pytrace=False)
        time.sleep(0.05)
    holder.returncode = 0  # it is nobody's child to wait for: its lock says when it is gone


@pytest.fixture(scope="session")
def stack_settings(stack: dict[str, Any]) -> Settings:
    """Complete settings for real, empty servers shared by the whole run.

    Nothing is provisioned: use names from `unique` for topics, subjects and groups, and the
    fixture `database` for a PostgreSQL database.
    """
    return Settings(_env_file=None, **stack["settings"])


@pytest.fixture(scope="session")
def unique() -> Callable[[str], str]:
    """Make names that no other test has: `unique("orders")` is `orders-3f9c...`."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def database(stack: dict[str, Any], unique: Callable[[str], str]) -> Iterator[str]:
    """The dsn of an empty database, owned by the role that the application uses."""
    name = unique("test")
    settings: dict[str, str] = stack["settings"]
    with psycopg.connect(stack["administrator_dsn"], autocommit=True) as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER groundswell").format(identifier))
        yield settings["database_url"].rpartition("/")[0] + f"/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
