"""A provider elsewhere: it goes on whatever becomes of its client, and remembers every call."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from pathlib import Path

from streams.generation.providers.provider import (
    Abilities,
    Order,
    Rendering,
    Telling,
    leaves_work,
)


class Far:
    """Makes a video as soon as `done` exists in its own folder.

    Args:
        home: of the provider; `calls` has a line for every call that it got.
    """

    name = "far"
    model = "made-1"
    abilities = Abilities(usd_per_second=0.5)

    def __init__(self, home: Path) -> None:
        self.home = home

    async def probe(self) -> None: ...

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        name = order.submitted
        if name is None:
            name = uuid.uuid4().hex
            self.note("submit", order.key, name)
            await telling.submitted(name)
        else:
            self.note("wait", order.key, name)
        try:
            while not (self.home / "done").exists():
                await telling.progress(50.0, "waiting")
                await asyncio.sleep(0.02)
        except BaseException as error:
            if not leaves_work(error):
                self.note("cancel", order.key, name)
            raise
        return made(order, folder)

    def note(self, *words: str) -> None:
        with (self.home / "calls").open("a") as calls:
            calls.write(" ".join(words) + "\n")

    def calls(self) -> list[list[str]]:
        path = self.home / "calls"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


class Blocking(Far):
    """Lets nothing else run in its client's process until `done` exists."""

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        self.note("submit", order.key, "-")
        while not (self.home / "done").exists():
            time.sleep(0.02)
        return made(order, folder)


class Deaf(Far):
    """Does not stop when it is cancelled."""

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        self.note("submit", order.key, "-")
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.note("cancel", order.key, "-")


class Dying(Far):
    """Its client is killed as soon as the provider has the work."""

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        name = uuid.uuid4().hex
        self.note("submit", order.key, name)
        await telling.submitted(name)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def made(order: Order, folder: Path) -> Rendering:
    video, thumbnail = folder / "v", folder / "t"
    video.write_bytes(order.key.encode())
    thumbnail.write_bytes(b"t")
    return Rendering(video, thumbnail, order.seconds)
