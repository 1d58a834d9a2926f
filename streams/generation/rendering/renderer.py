"""Frames and sound to an MP4 that plays anywhere: H.264 4:2:0 and AAC, index at the front."""

from __future__ import annotations

import contextlib
import subprocess
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from streams.generation.rendering.scene import FRAMES_PER_SECOND, Scene, Shot
from streams.generation.rendering.sound import RATE, tone_bed

# Constant rate factor of x264: lower is better and larger.
_RATE_FACTORS = {"low": 32, "medium": 26, "high": 19}

# The same bytes from the same pictures: one thread, no dates, no names of versions.
_EXACT = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
_QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]


class RenderError(Exception):
    """The encoder failed; the message is its own."""


@dataclass(frozen=True, slots=True)
class Files:
    """What a rendering made.

    Attributes:
        seconds: length of the video.
    """

    video: Path
    thumbnail: Path
    seconds: float


def render(shot: Shot, quality: str, folder: Path, on_frame: Callable[[int], None]) -> Files:
    """Draw and encode a shot into `folder`.

    Args:
        quality: low, medium or high.
        on_frame: called with the number of frames done, after each.

    Raises:
        RenderError: the encoder failed.
    """
    video, thumbnail, sound = (folder / name for name in ("video.mp4", "thumb.jpg", "sound.wav"))
    seconds = shot.frames / FRAMES_PER_SECOND
    _write_sound(sound, shot.seed, round(seconds * RATE))
    errors = folder / "encoder.log"
    # ffmpeg's output goes to a file: a pipe that nobody reads would stop it when full.
    with errors.open("wb") as log:
        encoder = subprocess.Popen(
            _encode(shot, quality, sound, video), stdin=subprocess.PIPE, stderr=log
        )
        assert encoder.stdin is not None
        try:
            # A broken pipe: the encoder ended early; its exit code and log say why.
            with contextlib.suppress(BrokenPipeError):
                scene = Scene(shot)
                for number in range(shot.frames):
                    encoder.stdin.write(scene.frame(number))
                    on_frame(number + 1)
        except BaseException:
            encoder.kill()
            raise
        finally:
            with contextlib.suppress(BrokenPipeError):
                encoder.stdin.close()
            code = encoder.wait()
    if code != 0:
        raise RenderError(f"ffmpeg ended with {code}: {errors.read_text(errors='replace')[-500:]}")
    _write_thumbnail(video, thumbnail, seconds / 3)
    return Files(video, thumbnail, seconds)


def _encode(shot: Shot, quality: str, sound: Path, video: Path) -> list[str]:
    picture = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{shot.width}x{shot.height}"]
    colours = ["-color_range", "tv", "-colorspace", "bt709"]
    colours += ["-color_primaries", "bt709", "-color_trc", "bt709"]
    rate = ["-framerate", str(FRAMES_PER_SECOND)]
    h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(_RATE_FACTORS[quality])]
    h264 += ["-threads:v", "1", "-pix_fmt", "yuv420p", *colours]
    aac = ["-c:a", "aac", "-b:a", "96k", "-flags:a", "+bitexact", "-threads:a", "1"]
    return [
        _ffmpeg(),
        *_QUIET,
        *picture,
        *rate,
        *["-i", "pipe:0", "-i", str(sound), "-map", "0:v", "-map", "1:a"],
        *h264,
        *aac,
        *_EXACT,
        *["-movflags", "+faststart", str(video)],
    ]


def _write_thumbnail(video: Path, thumbnail: Path, second: float) -> None:
    command = [_ffmpeg(), *_QUIET, "-ss", f"{second:.3f}", "-i", str(video), "-frames:v", "1"]
    command += ["-q:v", "3", "-pix_fmt", "yuvj420p", "-strict", "unofficial", "-update", "1"]
    command += [*_EXACT, str(thumbnail)]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0 or not thumbnail.exists():
        raise RenderError(f"no thumbnail was made: {result.stderr[-500:]}")


def _write_sound(path: Path, seed: int, samples: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone_bed(seed, samples).astype("<i2").tobytes())


def _ffmpeg() -> str:
    return str(imageio_ffmpeg.get_ffmpeg_exe())
