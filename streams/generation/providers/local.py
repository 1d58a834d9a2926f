"""The provider `local`: the built-in renderer in a process of its own.

A process, so that the worker's heartbeats never wait for pixels, a cancel ends it at once, and a
crash of an encoder is an attempt's failure, not the worker's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

from imageio_ffmpeg import get_ffmpeg_exe

from streams.generation.providers.provider import (
    Abilities,
    Order,
    ProviderError,
    Rendering,
    Telling,
)

# The matrices of a frame are small. With a thread for each processor, linear algebra libraries spin
# between them and take twice the time of a whole video from whatever else runs.
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
_LINE = 1024 * 1024  # bytes that a line of the child may have


class LocalProvider:
    """Renders on this machine."""

    name: ClassVar[str] = "local"
    model: ClassVar[str] = "procedural-1"
    abilities: ClassVar[Abilities] = Abilities(seeded=True)

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        """Render into `folder`; see [`Provider`][streams.generation.providers.provider.Provider].

        Raises:
            ProviderError: retryable; the same order may well render on a machine with room.
        """
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "streams.generation.rendering",
            str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE,
            env={**os.environ, **_ONE_THREAD},
            start_new_session=True,  # it and its encoder are ended together
        )
        try:
            rendering = await self._follow(child, order, folder, telling)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await asyncio.shield(child.wait())
        return rendering

    async def probe(self) -> None:
        """Start the encoder.

        Raises:
            ProviderError: it does not start.
        """
        try:
            child = await asyncio.create_subprocess_exec(
                get_ffmpeg_exe(),
                "-version",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            code = await child.wait()
        except (OSError, RuntimeError) as error:
            raise ProviderError(f"ffmpeg does not start: {error}", retryable=True) from None
        if code != 0:
            raise ProviderError(f"ffmpeg ended with {code}", retryable=True)

    async def _follow(
        self, child: asyncio.subprocess.Process, order: Order, folder: Path, telling: Telling
    ) -> Rendering:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        # Its standard input stays open: the child ends itself when that closes, however we end.
        child.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await child.stdin.drain()
        async for line in child.stdout:
            said = json.loads(line)
            if "percent" in said:
                await telling.progress(said["percent"], said["step"])
            elif "error" in said:
                raise ProviderError(said["error"], retryable=True)
            else:
                video, thumbnail = folder / said["video"], folder / said["thumbnail"]
                return Rendering(video, thumbnail, said["seconds"])
        errors = (await child.stderr.read()).decode(errors="replace").strip()
        last = errors.splitlines()[-1] if errors else "it said nothing"
        raise ProviderError(f"the renderer ended early: {last}", retryable=True)
