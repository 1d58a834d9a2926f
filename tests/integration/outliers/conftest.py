"""The agents of a provisioned stack, as in the virality room."""

from tests.integration.virality.conftest import agents, log_of, publisher

__all__ = ["agents", "log_of", "publisher"]
