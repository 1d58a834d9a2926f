"""Agents as processes of their own, as the tests of virality have them."""

from __future__ import annotations

from tests.integration.virality.conftest import agents, log_of, publisher

__all__ = ["agents", "log_of", "publisher"]
