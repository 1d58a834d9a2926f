from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from streams.outliers.youtube.client import YouTubeClient
from tests.fix_youtube import YouTubeLocal
from tests.integration.youtube.stand_in import StandIn, standing_in


@dataclass
class Room:
    """A stand-in, and clients of it that share a ledger and a cache with nobody else."""

    api: StandIn
    settings: Settings
    pauses: list[float]

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[YouTubeClient]:
        async with YouTubeClient.from_settings(self.settings, **options) as client:

            async def sleep(seconds: float) -> None:
                self.pauses.append(seconds)

            client._calls._sleep = sleep
            yield client

    async def spent(self) -> int:
        async with self.client() as client:
            return sum((await client.quota()).spent.values())


Scenario = Callable[[Room], Coroutine[Any, Any, Any]]


@pytest.fixture
def local_settings(stack_settings: Settings, youtube_local: YouTubeLocal) -> Settings:
    """For a client of the local Data API, with a key that nobody else uses."""
    return stack_settings.model_copy(
        update={
            "youtube_api_key": SecretStr(youtube_local.new_key()),
            "youtube_api_endpoint": youtube_local.endpoint,
        }
    )


@pytest.fixture
def run(stack_settings: Settings, unique: Callable[[str], str]) -> Callable[..., Any]:
    """Runs a scenario against a stand-in, with a key of its own and so with units of its own."""

    def run(scenario: Scenario, **changes: Any) -> Any:
        async def served() -> Any:
            async with standing_in() as api:
                settings = stack_settings.model_copy(
                    update={
                        "youtube_api_key": SecretStr(unique("key")),
                        "youtube_api_endpoint": api.endpoint,
                        **changes,
                    }
                )
                return await scenario(Room(api, settings, []))

        return asyncio.run(served())

    return run
