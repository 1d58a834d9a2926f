"""The choice of a provider: pure, and with its reasons in words.

Able first: a provider that cannot make the size, the length or the same video again for a seed
that was asked for is out; whoever asks for a provider by name gets it for any seed. Of the able,
in this order: not held back; not to be avoided; asked for; well (healthy and unknown before
degraded before unhealthy); cheap, or early in the list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from streams.generation.health.state import UNKNOWN, ProviderHealth
from streams.generation.jobs.events import JobQueued, ProviderChosen
from streams.generation.providers.provider import Abilities

_RANKS = {"healthy": 0, "unknown": 0, "degraded": 1, "unhealthy": 2}

By = Literal["cost", "preference"]


class Offer(Protocol):
    """What is known of a provider before it is called; every `Provider` is one."""

    @property
    def model(self) -> str:
        """Its model or renderer."""

    @property
    def abilities(self) -> Abilities:
        """What it can make, and at what price."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No provider can make it, now or later.

    Attributes:
        reason: why, for a person.
    """

    reason: str


class _Candidate(NamedTuple):
    """An able provider; the smallest one is taken."""

    held: bool
    avoided: bool
    not_asked_for: bool
    rank: int
    by: float
    place: int
    name: str
    cost_usd: float


def choose(
    asked: JobQueued,
    providers: Mapping[str, Offer],
    health: Mapping[str, ProviderHealth],
    *,
    avoid: Collection[str] = (),
    by: By = "cost",
    budget_usd: float | None = None,
) -> ProviderChosen | Refusal:
    """The provider of the next attempt.

    Providers that are held back (an open breaker, a Retry-After) or to be avoided are taken only
    where no other is able: whoever calls them waits until they may.

    Args:
        asked: the request; its `provider` is the preferred one.
        providers: by name, the preferred one first.
        avoid: names of those that were tried already.
        by: whether the cheapest or the first counts among those that are equally well.
        budget_usd: what the job may cost at most; None: anything.
    """
    unable: dict[str, str] = {}
    able: list[_Candidate] = []
    for place, (name, offer) in enumerate(providers.items()):
        cost = offer.abilities.cost_usd(asked.duration_s)
        reason = _inability(name, asked, offer.abilities, cost, budget_usd)
        if reason is not None:
            unable[name] = reason
            continue
        known = health.get(name, UNKNOWN)
        able.append(
            _Candidate(
                held=known.held,
                avoided=name in avoid,
                not_asked_for=name != asked.provider,
                rank=_RANKS[known.status],
                by=cost if by == "cost" else float(place),
                place=place,
                name=name,
                cost_usd=cost,
            )
        )
    if not able:
        return Refusal(_none(unable))
    best = min(able)
    return ProviderChosen(
        provider=best.name,
        model=providers[best.name].model,
        cost_usd=best.cost_usd,
        reason=_reason(best, asked, able, unable, health, by),
    )


def _inability(
    name: str, asked: JobQueued, abilities: Abilities, cost: float, budget_usd: float | None
) -> str | None:
    if abilities.sizes is not None and (asked.width, asked.height) not in abilities.sizes:
        return f"does not make {asked.width}x{asked.height}"
    if asked.duration_s > abilities.most_seconds:
        return f"makes at most {abilities.most_seconds:g} s"
    if not abilities.can_make(asked.prompt, asked.width, asked.height, asked.duration_s):
        return f"takes prompts of at most {abilities.prompt_max} characters"
    if asked.seed is not None and not abilities.seeded and name != asked.provider:
        return "does not make the same video again for a seed"
    if budget_usd is not None and cost > budget_usd:
        return f"costs {cost:.2f} USD, and {max(budget_usd, 0.0):.2f} USD are left"
    return None


def _none(unable: Mapping[str, str]) -> str:
    if not unable:
        return "no provider is configured"
    reasons = "; ".join(f"{name} {reason}" for name, reason in unable.items())
    return f"no provider can make it: {reasons}"


def _reason(
    best: _Candidate,
    asked: JobQueued,
    able: Collection[_Candidate],
    unable: Mapping[str, str],
    health: Mapping[str, ProviderHealth],
    by: By,
) -> str:
    wanted = asked.provider
    if best.held:
        how = "everybody able is held back; the first to be tried when that is over"
    elif best.avoided:
        how = "tried before, and no other is able"
    elif not best.not_asked_for:
        how = "asked for"
    elif len(able) == 1:
        how = "the only one that is able"
    elif best.rank:
        how = f"no other is better: it is {health[best.name].status}"
    else:
        how = "cheapest" if by == "cost" else "first of the list"
    if wanted is None or wanted == best.name:
        return how
    if wanted in unable:
        return f"{how}; {wanted} was asked for and {unable[wanted]}"
    missed = next((one for one in able if one.name == wanted), None)
    if missed is None:
        return f"{how}; {wanted} was asked for and is not configured"
    return f"{how}; {wanted} was asked for and {'is held back' if missed.held else 'was tried'}"
