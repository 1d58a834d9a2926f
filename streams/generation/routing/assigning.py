"""Where each request goes, and whether its user may ask for it: what the dispatcher decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from infra.settings import Settings
from streams.decisions.queries import queries
from streams.generation.health.breakers import Breakers, Rules, connection
from streams.generation.health.state import ProviderHealth
from streams.generation.jobs.events import JobQueued, ProviderChosen
from streams.generation.jobs.job import JOBS
from streams.generation.jobs.job_commands import Queue
from streams.generation.providers.catalogue import configured
from streams.generation.quotas import ledger
from streams.generation.quotas.ledger import Ledger
from streams.generation.quotas.limits import Quotas, Usage
from streams.generation.routing.choice import Refusal
from streams.generation.routing.router import HealthRouter

_SQL = queries(Path(__file__).with_name("assigning.sql"))


@dataclass(frozen=True, slots=True)
class Assigned:
    """What is to be decided of each request.

    Attributes:
        wishes: a command for each request, with its job's id.
        ledger: with what they count for; to be entered for those that are new.
    """

    wishes: list[tuple[str, Queue]]
    ledger: Ledger


class Assigner:
    """Assigns requests to providers.

    Args:
        router: chooses; None: whoever makes the attempt does.
    """

    def __init__(self, router: HealthRouter | None = None, quotas: Quotas | None = None) -> None:
        self._router = router
        self._quotas = quotas or Quotas()

    async def health(self) -> Mapping[str, ProviderHealth]:
        """How the providers are, for `assign`."""
        return await self._router.health() if self._router is not None else {}

    async def assign(
        self,
        conn: AsyncConnection[Any],
        requests: Sequence[tuple[str, JobQueued]],
        health: Mapping[str, ProviderHealth],
        now: dt.datetime,
    ) -> Assigned:
        """Decide requests in their order, each with its job's id.

        What a user had made is counted in the caller's transaction, and nobody else counts that
        user's jobs until it ends: a quota is kept to the job, by any number of dispatchers.
        """
        known: set[str] = set()
        usage = Ledger(now)
        if self._quotas.limited and requests:
            usage = await ledger.opened(conn, {asked.user_id for _, asked in requests}, now)
            known = await _known(conn, [job_id for job_id, _ in requests])
        wishes = []
        for job_id, asked in requests:
            if job_id in known:  # it is refused: a repeat counts for nothing
                wishes.append((job_id, Queue(now, asked)))
                continue
            known.add(job_id)
            wishes.append((job_id, self._wish(job_id, asked, health, usage)))
        return Assigned(wishes, usage)

    def _wish(
        self, job_id: str, asked: JobQueued, health: Mapping[str, ProviderHealth], usage: Ledger
    ) -> Queue:
        now = usage.now
        quotas = self._quotas if ledger.counts(asked) else Quotas()
        so_far = usage.of(asked.user_id)
        used_up = quotas.used_up(so_far, now)
        if used_up is not None:
            return Queue(now, asked, refusal=used_up.reason)
        choice = self._choose(asked, health, quotas, so_far, now)
        if isinstance(choice, Refusal):
            return Queue(now, asked, refusal=choice.reason)
        if ledger.counts(asked):
            usage.add(job_id, asked.user_id, choice.cost_usd if choice else 0.0)
        return Queue(now, asked, choice=choice)

    def _choose(
        self,
        asked: JobQueued,
        health: Mapping[str, ProviderHealth],
        quotas: Quotas,
        usage: Usage,
        now: dt.datetime,
    ) -> ProviderChosen | Refusal | None:
        if self._router is None:
            return None
        budget = quotas.budget(usage)
        choice = self._router.choose(asked, health, budget_usd=budget)
        if isinstance(choice, Refusal) and budget is not None:
            unbounded = self._router.choose(asked, health)
            if not isinstance(unbounded, Refusal):
                resets = quotas.budget_resets(usage, now)
                return Refusal(f"{choice.reason}; there will be more at {resets:%Y-%m-%dT%H:%MZ}")
        return choice


def assigner(settings: Settings) -> Assigner:
    """The dispatcher's, as the settings say; nothing connects yet."""
    providers = configured(settings)
    redis = connection(settings.redis_url or "")
    breakers = Breakers(redis, providers, Rules.of(settings))
    return Assigner(
        HealthRouter(providers, breakers, by=settings.provider_choice), Quotas.of(settings)
    )


async def _known(conn: AsyncConnection[Any], job_ids: list[str]) -> set[str]:
    facts = {"domain": JOBS.domain, "stream_ids": job_ids}
    return {row[0] for row in await (await conn.execute(_SQL["known"], facts)).fetchall()}
