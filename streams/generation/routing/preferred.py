"""Which provider an attempt goes to, as its worker sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from streams.generation.health.state import Outcome
from streams.generation.jobs.events import ProviderChosen
from streams.generation.jobs.job import Job
from streams.generation.providers.provider import Provider, ProviderError


class Router(Protocol):
    """Chooses providers, and hears how they did. Neither may fail because a server is away."""

    async def pick(self, job: Job) -> ProviderChosen:
        """The provider of the next attempt; an equal to `job.choice` if that still stands.

        Raises:
            ProviderError: none may be called now; `retry_after` says when to ask again, if known.
                Not retryable: none could ever make it.
        """

    async def record(self, provider: str, outcome: Outcome) -> None:
        """Take note of an outcome."""


class Preferred:
    """Chooses without any memory: what was chosen or wished for before, else the first.

    Args:
        providers: by name, in order of preference.
    """

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers

    async def pick(self, job: Job) -> ProviderChosen:
        """See [`Router`][streams.generation.routing.preferred.Router].

        Raises:
            ProviderError: there is no provider at all.
        """
        chosen = job.choice
        if chosen is not None and chosen.provider in self._providers:
            return chosen
        wished = job.asked.provider
        if wished is not None and wished in self._providers:
            return chosen_from(self._providers[wished], job, "asked for")
        for provider in self._providers.values():
            return chosen_from(provider, job, "the first that is configured")
        raise ProviderError("no provider is configured", retryable=True, kind="busy")

    async def record(self, provider: str, outcome: Outcome) -> None:
        """Nothing is remembered."""


def chosen_from(provider: Provider, job: Job, reason: str) -> ProviderChosen:
    """The choice of that provider, with what the job's video costs there."""
    cost = provider.abilities.usd_per_second * job.asked.duration_s
    return ProviderChosen(provider.name, provider.model, cost, reason)
