"""Agents as processes of their own, and logs of one's own, as other rooms' tests have them."""

from __future__ import annotations

from tests.integration.projections.conftest import log, registry
from tests.integration.virality.conftest import agents, log_of, publisher

__all__ = ["agents", "log", "log_of", "publisher", "registry"]
