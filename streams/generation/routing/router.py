"""The choice of a provider with everything it depends on: for dispatcher and worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from streams.generation.health.breakers import Breakers
from streams.generation.health.state import UNKNOWN, Outcome, ProviderHealth
from streams.generation.jobs.events import JobQueued, ProviderChosen
from streams.generation.jobs.job import Job
from streams.generation.providers.provider import ProviderError
from streams.generation.routing.choice import By, Offer, Refusal, choose

SHORTEST_WAIT = 5.0  # seconds: a probe that somebody else makes has no end that is known


class HealthRouter:
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

    async def pick(self, job: Job) -> ProviderChosen:
        """The provider to call now for a job's next attempt; one that may be called.

        The job's own choice where that may be called; else another one, with the reason.

        Raises:
            ProviderError: `busy`, with `retry_after`: all that are able are held back. `failed`
                and not retryable: none is able.
        """
        held: set[str] = set()
        before = job.choice
        if before is not None and before.provider in self._providers:
            if await self._breakers.allowed(before.provider):
                return before
            held.add(before.provider)
        health = await self._breakers.health()
        while True:
            closed = {name: replace(health.get(name, UNKNOWN), held=True) for name in held}
            known = {**health, **closed}
            choice = choose(job.asked, self._providers, known, by=self._by)
            if isinstance(choice, Refusal):
                raise ProviderError(choice.reason, retryable=False)
            if choice.provider in held:
                raise _busy([(name, one) for name, one in known.items() if one.held])
            if await self._breakers.allowed(choice.provider):
                return _told(choice, before, job.asked)
            held.add(choice.provider)

    async def record(self, provider: str, outcome: Outcome) -> None:
        """Enter what came of calling a provider."""
        await self._breakers.record(provider, outcome)


def _told(
    choice: ProviderChosen, before: ProviderChosen | None, asked: JobQueued
) -> ProviderChosen:
    """With the provider that it stands in for; of one that was asked for the reason tells."""
    if before is None or before.provider in (choice.provider, asked.provider):
        return choice
    return replace(choice, reason=f"{choice.reason}; instead of {before.provider}")


def _busy(held: Collection[tuple[str, ProviderHealth]]) -> ProviderError:
    """With the seconds until the first of them may be called again, as far as that is known."""
    waits = []
    for _, one in held:
        untils = [until for until in (one.open_until, one.busy_until) if until is not None]
        if one.as_of is not None and untils:
            waits.append((max(untils) - one.as_of).total_seconds())
    return ProviderError(
        f"held back: {', '.join(sorted(name for name, _ in held))}",
        retryable=True,
        kind="busy",
        retry_after=max(min(waits, default=0.0), SHORTEST_WAIT),
    )
