"""The choice of a provider with everything it depends on: for dispatcher and worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from streams.generation.events import JobQueued, ProviderChosen
from streams.generation.health.breakers import Breakers
from streams.generation.health.state import Outcome, ProviderHealth
from streams.generation.job import Job
from streams.generation.routing.choice import By, Offer, Refusal, choose

SHORTEST_WAIT = 5.0  # seconds: a probe that somebody else makes has no end that is known


class Router:
    """Chooses among some providers.

    Args:
        providers: by name, the preferred one first.
    """

    def __init__(
        self, providers: Mapping[str, Offer], breakers: Breakers, *, by: By = "cost"
    ) -> None:
        self._providers = providers
        self._breakers = breakers
        self._by: By = by

    async def health(self) -> Mapping[str, ProviderHealth]:
        """How the providers are: asked once for many choices."""
        return await self._breakers.health()

    def choose(
        self,
        asked: JobQueued,
        health: Mapping[str, ProviderHealth],
        *,
        avoid: Collection[str] = (),
        budget_usd: float | None = None,
    ) -> ProviderChosen | Refusal:
        """The provider for a request; see [`choose`][streams.generation.routing.choice.choose]."""
        return choose(
            asked, self._providers, health, avoid=avoid, by=self._by, budget_usd=budget_usd
        )

    async def pick(
        self, job: Job, *, avoid: Collection[str] = ()
    ) -> ProviderChosen | Refusal | None:
        """The provider to call now for a job's next attempt.

        The one that was chosen before if it may be called; else another one that may.

        Returns:
            The choice: the job's own where it still holds; a refusal, where no provider is able;
            None where all that are able are held back: try again later (`wait`).
        """
        before = job.choice
        if before is not None and before.provider in self._providers:
            if before.provider not in avoid and await self._breakers.allowed(before.provider):
                return before
            avoid = {*avoid, before.provider}
        health = await self._breakers.health()
        passed: set[str] = set()
        while True:
            left = {name: one for name, one in self._providers.items() if name not in passed}
            choice = choose(job.asked, left, health, avoid=avoid, by=self._by)
            if isinstance(choice, Refusal):
                return None if passed else choice
            known = health.get(choice.provider)
            if (known is None or not known.held) and await self._breakers.allowed(choice.provider):
                return choice
            passed.add(choice.provider)

    async def wait(self, job: Job) -> float:
        """Seconds until one of the providers that are able may be called again, as far as known."""
        health = await self._breakers.health()
        waits = []
        for name in self._providers:
            one = health.get(name)
            choice = choose(job.asked, {name: self._providers[name]}, {})
            if one is None or one.as_of is None or isinstance(choice, Refusal):
                continue
            until = max((t for t in (one.open_until, one.busy_until) if t), default=one.as_of)
            waits.append(max((until - one.as_of).total_seconds(), 0.0))
        return max(min(waits, default=0.0), SHORTEST_WAIT)

    async def record(self, provider: str, outcome: Outcome) -> None:
        """Enter what came of calling a provider."""
        await self._breakers.record(provider, outcome)
