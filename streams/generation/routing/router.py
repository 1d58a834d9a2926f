"""The choice of a provider with everything it depends on: for dispatcher and worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from streams.generation.events import JobQueued, ProviderChosen
from streams.generation.health.breakers import Breakers
from streams.generation.health.state import Outcome, ProviderHealth
from streams.generation.job import Job
from streams.generation.providers.provider import ProviderError
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

    async def pick(self, job: Job) -> ProviderChosen:
        """The provider to call now for a job's next attempt; one that may be called.

        The job's own choice where that may be called; else another one, with the reason.

        Raises:
            ProviderError: `busy`, with `retry_after`: all that are able are held back. `failed`
                and not retryable: none is able.
        """
        passed: set[str] = set()
        before = job.choice
        if before is not None and before.provider in self._providers:
            if await self._breakers.allowed(before.provider):
                return before
            passed.add(before.provider)
        health = await self._breakers.health()
        while True:
            left = {name: one for name, one in self._providers.items() if name not in passed}
            choice = choose(job.asked, left, health, by=self._by)
            if isinstance(choice, Refusal):
                break
            if await self._breakers.allowed(choice.provider):
                return _told(choice, before)
            passed.add(choice.provider)
        if passed:
            raise ProviderError(
                f"held back: {', '.join(sorted(passed))}",
                retryable=True,
                kind="busy",
                retry_after=_wait([health[name] for name in passed if name in health]),
            )
        raise ProviderError(choice.reason, retryable=False)

    async def record(self, provider: str, outcome: Outcome) -> None:
        """Enter what came of calling a provider."""
        await self._breakers.record(provider, outcome)


def _told(choice: ProviderChosen, before: ProviderChosen | None) -> ProviderChosen:
    if before is None or before.provider == choice.provider:
        return choice
    return replace(choice, reason=f"{choice.reason}; instead of {before.provider}")


def _wait(held: Collection[ProviderHealth]) -> float:
    """Seconds until the first of them may be called again, as far as that is known."""
    waits = []
    for one in held:
        untils = [until for until in (one.open_until, one.busy_until) if until is not None]
        if one.as_of is not None and untils:
            waits.append((max(untils) - one.as_of).total_seconds())
    return max(min(waits, default=0.0), SHORTEST_WAIT)
