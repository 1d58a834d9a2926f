"""A provider whose work costs nothing, for measuring everything around it."""

from __future__ import annotations

from pathlib import Path

from streams.generation.providers.provider import Abilities, Order, Rendering, Telling


class Noop:
    """A small file, at once, that is video and thumbnail."""

    name = "noop"
    model = "none"
    abilities = Abilities()

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        """A file whose content is the attempt's key."""
        path = folder / "video"
        path.write_text(order.key)
        return Rendering(path, path, order.seconds)

    async def probe(self) -> None:
        """It would always work."""
