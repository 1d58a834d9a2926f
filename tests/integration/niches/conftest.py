"""Agents as processes of their own, and logs of one's own, as other rooms' tests have them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.projections.conftest import Log, log, registry
from tests.integration.virality.conftest import agents, log_of, publisher

__all__ = ["agents", "log", "log_of", "publisher", "registry"]


@pytest.fixture
def another(unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Log], Log]:
    """Makes a second log beside one."""
    return lambda one: Log(one.settings, one.registry, unique("t"), monkeypatch, one.scratch)
