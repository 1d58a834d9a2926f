"""The relay's process: every domain's decisions to its topic. `main(settings)` is a process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from infra.settings import Settings
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.decisions.relay import Relay
from streams.generation.jobs.relay import relay as jobs
from streams.generation.schema import prepare
from streams.outliers.relay import relays as outliers
from streams.work_queue.processes import run_until_stopped


def main(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT."""
    prepare(settings.dsn)
    codec = Codec(Registry(settings.registry_config()))

    def publisher(room: str) -> Publisher:
        return Publisher(settings.kafka_config(), codec, source=f"groundswell/{room}")

    jobs_relay = jobs(settings, publisher("generation"))
    run_until_stopped(_all([jobs_relay, *outliers(settings, partial(publisher, "outliers"))]))


async def _all(relays: Sequence[Relay]) -> None:
    """Run them together; one that ends ends all, and they are started again together.

    Raises:
        Exception: what one of them raised.
    """
    async with asyncio.TaskGroup() as group:
        for relay in relays:
            group.create_task(relay.run())
