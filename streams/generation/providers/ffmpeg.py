"""Running ffmpeg for what providers return."""

from __future__ import annotations

import asyncio
import contextlib

from imageio_ffmpeg import get_ffmpeg_exe

from streams.generation.providers.provider import ProviderError


async def ffmpeg(*arguments: str, seconds: float) -> tuple[int, str]:
    """Exit code and words of ffmpeg; it is ended when we are.

    Raises:
        ProviderError: retryable; it was not through after so many seconds.
    """
    child = await asyncio.create_subprocess_exec(
        get_ffmpeg_exe(),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            _, said = await child.communicate()
    except TimeoutError:
        raise ProviderError(f"ffmpeg was not through after {seconds:g} s", retryable=True) from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())
    return child.returncode or 0, said.decode(errors="replace")
