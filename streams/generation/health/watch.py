"""Looking after providers: those that nobody called lately are probed, and all are told of.

So a breaker that opened closes again without somebody's job having to try, a provider is known
before the first job, and a word that was lost is said again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping

import structlog

from streams.generation.health.breakers import Announce, Breakers
from streams.generation.health.probing import probe
from streams.generation.health.state import ProviderHealth
from streams.generation.providers.provider import Provider

PROBE_SECONDS = 20.0  # that a provider's answer may take
_LOOKS = 4  # of each process while one look is due: of a breaker's cool-down it misses little

log = structlog.get_logger()


class HealthWatch:
    """Looks now and then; of all processes that have one, one looks.

    Args:
        every: seconds after which a provider that nothing was heard of is probed, and all are
            announced again.
    """

    def __init__(
        self,
        breakers: Breakers,
        providers: Mapping[str, Provider],
        announce: Announce,
        *,
        every: float,
    ) -> None:
        self._breakers = breakers
        self._providers = providers
        self._announce = announce
        self._every = every

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # whoever looks must not end the worker, nor stop looking
                log.error("providers not looked at", error=str(error), exc_info=error)
            await asyncio.sleep(self._every / _LOOKS)

    async def look(self) -> None:
        """Probe what is due, and announce if that is due."""
        health = await self._breakers.health()
        due = [name for name, one in health.items() if self._due(one)]
        await asyncio.gather(*(self._probe(name) for name in due))
        if await self._breakers.turn("announce", self._every):
            for name, one in (await self._breakers.health()).items():
                if one.as_of is not None:
                    await self._announce(name, one)

    def _due(self, health: ProviderHealth) -> bool:
        if health.as_of is None or health.held:
            return False
        if health.last_checked_at is None or health.status == "unhealthy":
            return True
        return health.as_of - health.last_checked_at >= dt.timedelta(seconds=self._every)

    async def _probe(self, name: str) -> None:
        mine = await self._breakers.turn(f"probe:{name}", self._every / _LOOKS)
        if mine and await self._breakers.allowed(name):
            await self._breakers.record(name, await probe(self._providers[name], PROBE_SECONDS))
