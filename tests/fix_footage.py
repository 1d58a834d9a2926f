"""A video for those who need one to send or to cut."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 2 s in 320x256 with sound, its index at the front."""
    path = tmp_path_factory.mktemp("footage") / "made.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error"]
    command += ["-f", "lavfi", "-i", "testsrc2=size=320x256:rate=24:duration=2"]
    command += ["-f", "lavfi", "-i", "sine=duration=2", "-pix_fmt", "yuv420p"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]
    subprocess.run([*command, "-movflags", "+faststart", str(path)], check=True)
    return path
