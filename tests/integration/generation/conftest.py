from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.guard import Guard
from infra.embedded.home import Home
from infra.embedded.redis import Redis as RedisServer
from streams.generation.schema import prepare


@pytest.fixture
def prepared(database: str) -> str:
    """The dsn of a database that has every table."""
    prepare(database)
    return database


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of one's own, to be killed."""
    home = Home(tmp_path / "home")
    home.prepare()
    guard = Guard()
    one = RedisServer(home, guard)
    one.start()
    yield one
    one.stop()
    guard.close()
