"""Somebody for a provider to tell things to."""

from __future__ import annotations

import asyncio


class Heard:
    """Keeps what it is told.

    Attributes:
        percents, steps: of the progress so far.
        names: the provider's names of the work.
        moving: set from the first progress on.
    """

    def __init__(self) -> None:
        self.percents: list[float] = []
        self.steps: list[str] = []
        self.names: list[str] = []
        self.moving = asyncio.Event()

    async def progress(self, percent: float, step: str) -> None:
        self.percents.append(percent)
        self.steps.append(step)
        self.moving.set()

    async def submitted(self, provider_job_id: str) -> None:
        self.names.append(provider_job_id)
