"""The relay's process: every domain's decisions to its topic. `main(settings)` is a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from infra.settings import Settings
from schemas.codec import Codec
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.decisions.relay import Relay
from streams.generation.jobs.job import JOBS
from streams.generation.jobs.relay import relay as jobs
from streams.generation.schema import prepare
from streams.identity.account import IDENTITY
from streams.identity.relay import SEALED
from streams.identity.relay import relay as identity
from streams.identity.schema import prepare as prepare_identity
from streams.outliers.relay import relays as outliers
from streams.work_queue.processes import run_until_stopped

FIRST_PAUSE = 1.0  # seconds until a relay that broke down runs again, doubled with each time
LONGEST_PAUSE = 30.0
SETTLED = 60.0  # seconds after which one that runs is no longer counted as broken down

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT."""
    prepare(settings.dsn)
    prepare_identity(settings.dsn)
    codec = Codec(Registry(settings.registry_config()))

    def publisher(room: str, sealer: Sealer | None = None) -> Publisher:
        source = f"groundswell/{room}"
        return Publisher(settings.kafka_config(), codec, source=source, sealer=sealer)

    relays: dict[str, Callable[[], Relay]] = {
        JOBS.domain: lambda: jobs(settings, publisher("generation")),
        **outliers(settings, partial(publisher, "outliers")),
        IDENTITY.domain: lambda: identity(settings, publisher("identity", SEALED)),
    }
    run_until_stopped(Together(relays).run())


class Together:
    """Runs relays side by side, so that an event that one of them cannot publish stops no other.

    One that breaks down is made anew after a while, with its publisher, and goes on from its
    checkpoint. What broke it is in the log, again and again until it is mended. Once all are broken
    down the trouble is not one domain's: then the process ends, and its supervisor starts it anew.

    Args:
        relays: makes each of them, by domain.
    """

    def __init__(
        self,
        relays: Mapping[str, Callable[[], Relay]],
        *,
        pause: float = FIRST_PAUSE,
        settled: float = SETTLED,
    ) -> None:
        self._relays = relays
        self._pause = pause
        self._settled = settled
        self._broken: set[str] = set()

    async def run(self) -> None:
        """Run them until cancelled.

        Raises:
            Exception: what the last of them raised, when all are broken down.
        """
        async with asyncio.TaskGroup() as group:
            for domain in self._relays:
                group.create_task(self._again_and_again(domain))

    async def _again_and_again(self, domain: str) -> None:
        pause = self._pause
        loop = asyncio.get_running_loop()
        while True:
            settling = loop.call_later(self._settled, self._broken.discard, domain)
            started = loop.time()
            try:
                await self._relays[domain]().run()
            except Exception as error:
                self._broken.add(domain)
                if len(self._broken) == len(self._relays):
                    raise
                if loop.time() - started > self._settled:
                    pause = self._pause
                log.error(
                    "relay broke down; what it has to tell waits",
                    domain=domain,
                    again_in_s=pause,
                    reason=" ".join(f"{type(error).__name__}: {error}".split())[:500],
                    exc_info=error,
                )
            finally:
                settling.cancel()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
