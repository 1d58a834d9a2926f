"""Which providers this installation has."""

from __future__ import annotations

from infra.settings import Settings
from streams.generation.providers.local import LocalProvider
from streams.generation.providers.provider import Provider


def configured(settings: Settings) -> dict[str, Provider]:
    """The providers by name, the preferred one first: those that have a key, then `local`."""
    local: Provider = LocalProvider()
    return {local.name: local}
