"""A provider whose work costs nothing, for measuring everything around it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from streams.generation.providers.provider import Abilities, Order, Rendering, Telling


class Noop:
    """A small file, at once, that is video and thumbnail.

    Args:
        calls: file to which every call is appended, a line of its attempt's key and the time in
            seconds; it outlives whatever happens to the process.
    """

    name = "noop"
    model = "none"
    abilities = Abilities()

    def __init__(self, calls: Path) -> None:
        self._calls = os.open(calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        """A file whose content is the attempt's key."""
        os.write(self._calls, f"{order.key} {time.time():.6f}\n".encode())
        path = folder / "video"
        path.write_text(order.key)
        return Rendering(path, path, order.seconds)

    async def probe(self) -> None:
        """It would always work."""
