"""Whether what a provider returned is a video: not everything that ends in .mp4 is one."""

from __future__ import annotations

from pathlib import Path

from streams.generation.providers.ffmpeg import ffmpeg
from streams.generation.providers.provider import ProviderError, Rendering

_SECONDS = 60.0  # for looking through the largest video that may be asked for
_SAID = 200  # characters of what ffmpeg says


async def playable(rendering: Rendering) -> None:
    """Read every packet of the video and decode its first picture.

    The demuxer is named and only files may be opened: a playlist that calls itself a video makes
    ffmpeg fetch nothing.

    Raises:
        ProviderError: retryable; it is no MP4, ends early, or has no picture.
    """
    for path in (rendering.video, rendering.thumbnail):
        if not path.is_file() or path.stat().st_size == 0:
            raise ProviderError(f"the provider returned no {path.name}", retryable=True)
    said = await _read(rendering.video)
    if said:
        raise ProviderError(f"the provider returned no playable video: {said}", retryable=True)


async def _read(video: Path) -> str:
    """What ffmpeg has against the video; nothing if it plays."""
    code, words = await ffmpeg(
        *("-nostdin", "-v", "error", "-xerror", "-protocol_whitelist", "file", "-f", "mp4"),
        *("-i", str(video)),
        *("-map", "0:v:0", "-frames:v", "1", "-f", "null", "-"),
        *("-map", "0:v:0", "-c", "copy", "-f", "null", "-"),
        seconds=_SECONDS,
    )
    said = words.replace(str(video), "the file").strip()
    if not said and code == 0:
        return ""
    return said.partition("\n")[0][:_SAID] or f"ffmpeg ended with {code}"
