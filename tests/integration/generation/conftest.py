from __future__ import annotations

import pytest

from streams.generation.schema import prepare


@pytest.fixture
def prepared(database: str) -> str:
    """The dsn of a database that has every table."""
    prepare(database)
    return database
