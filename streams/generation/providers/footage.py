"""A video from elsewhere: whether it plays, cut to what was ordered, and a picture of it.

The file is not to be trusted. ffmpeg is told that it is an MP4 and may open nothing but files of
this machine that it is given by name, so that a playlist dressed up as a video leads nowhere.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from streams.generation.providers.faults import one_line
from streams.generation.providers.ffmpeg import ffmpeg
from streams.generation.providers.provider import Order, ProviderError, Rendering

_QUIET = ("-hide_banner", "-nostdin", "-y")
_UNTRUSTED = ("-protocol_whitelist", "file", "-f", "mov")
_EXACT = 0.06  # seconds by which a length may be off: a frame and a half
_LONGEST = 600.0  # seconds of a video that anybody makes
_TIMEOUT = 600.0  # seconds for ffmpeg
# Constant rate factor of x264: lower is better and larger.
_RATE_FACTORS = {"low": 30, "medium": 24, "high": 18}

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_PICTURE = re.compile(
    r"^  Stream #0:\d+.*?: Video: (\w+).*?, (yuv\w+)[(,].*? (\d{2,5})x(\d{2,5})[, ]", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Footage:
    """What a file says of itself.

    Attributes:
        codec, pixels: in ffmpeg's words.
        width, height: in pixels.
        seconds: length.
    """

    codec: str
    pixels: str
    width: int
    height: int
    seconds: float


async def finish(raw: Path, order: Order, folder: Path) -> Rendering:
    """Make what was ordered of a video that was downloaded.

    One of the right size and length stays as it is, byte for byte. Another one is made smaller,
    cut to the proportions from its middle, and cut to the length.

    Raises:
        ProviderError: retryable; it cannot be played.
    """
    found = await look_at(raw)
    plays_anywhere = (found.codec, found.pixels) == ("h264", "yuv420p")
    same_size = (found.width, found.height) == (order.width, order.height)
    if plays_anywhere and same_size and found.seconds <= order.seconds + _EXACT:
        await _decode(raw)
        video, seconds = raw, found.seconds
    else:
        video = folder / "video.mp4"
        await _cut(raw, order, video)
        seconds = (await look_at(video)).seconds
    thumbnail = folder / "thumb.jpg"
    await _picture(video, seconds / 3, thumbnail)
    return Rendering(video, thumbnail, seconds)


async def look_at(path: Path) -> Footage:
    """Read a video's header.

    Raises:
        ProviderError: retryable; it is no MP4 with a picture.
    """
    # ffmpeg fails for want of an output; what it knows of the input it has said by then.
    _, said = await ffmpeg(*_QUIET, *_UNTRUSTED, "-i", str(path), seconds=_TIMEOUT)
    length, picture = _DURATION.search(said), _PICTURE.search(said)
    if length is None or picture is None:
        raise ProviderError("what came is not a playable MP4", retryable=True)
    hours, minutes, seconds = int(length[1]), int(length[2]), float(length[3])
    found = Footage(
        codec=picture[1],
        pixels=picture[2],
        width=int(picture[3]),
        height=int(picture[4]),
        seconds=hours * 3600 + minutes * 60 + seconds,
    )
    if not 0 < found.seconds <= _LONGEST:
        raise ProviderError(f"what came is {found.seconds:g} s long", retryable=True)
    return found


async def _decode(path: Path) -> None:
    code, said = await ffmpeg(
        *_QUIET,
        *("-loglevel", "error", "-xerror"),
        *_UNTRUSTED,
        "-i",
        str(path),
        "-f",
        "null",
        "-",
        seconds=_TIMEOUT,
    )
    if code != 0 or said.strip():
        raise _unplayable(said)


async def _cut(raw: Path, order: Order, video: Path) -> None:
    size = f"{order.width}:{order.height}"
    fit = f"scale={size}:force_original_aspect_ratio=increase:flags=lanczos,crop={size},setsar=1"
    code, said = await ffmpeg(
        *_QUIET,
        *("-loglevel", "error", "-xerror", *_UNTRUSTED, "-i", str(raw)),
        *("-map", "0:v:0", "-map", "0:a:0?", "-t", f"{order.seconds:.3f}", "-vf", fit),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", str(_RATE_FACTORS[order.quality])),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k"),
        *("-map_metadata", "-1", "-movflags", "+faststart", str(video)),
        seconds=_TIMEOUT,
    )
    if code != 0 or not await asyncio.to_thread(video.exists):
        raise _unplayable(said)


async def _picture(video: Path, second: float, thumbnail: Path) -> None:
    code, said = await ffmpeg(
        *_QUIET,
        *("-loglevel", "error", "-ss", f"{second:.3f}", *_UNTRUSTED, "-i", str(video)),
        *("-frames:v", "1", "-q:v", "3", "-pix_fmt", "yuvj420p", "-strict", "unofficial"),
        *("-update", "1", "-map_metadata", "-1", str(thumbnail)),
        seconds=_TIMEOUT,
    )
    if code != 0 or not await asyncio.to_thread(thumbnail.exists):
        raise _unplayable(said)


def _unplayable(said: str) -> ProviderError:
    last = one_line(said.strip().splitlines()[-1]) if said.strip() else "it said nothing"
    return ProviderError(f"what came cannot be played: {last}", retryable=True)
