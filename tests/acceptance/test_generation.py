"""A request ends as a real video that the API serves."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from tests.acceptance.conftest import Platform


def probed(path: Path) -> str:
    """What ffmpeg says of a file after decoding all of it."""
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "info", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_job_of_the_api_ends_as_a_playable_mp4(
    platform: Platform, until: Callable[..., Any], tmp_path: Path
) -> None:
    answer = platform.api.post(
        "/api/v1/jobs",
        json={"userId": "user-1", "prompt": "A sunset; drawtext=text='x' over 'the' ocean"},
    )
    assert answer.status_code == 201, answer.text
    job = answer.json()["id"]
    done = until(
        lambda: (
            (found := platform.get(f"/jobs/{job}"))["status"] in ("completed", "failed") and found
        )
    )
    assert done["status"] == "completed", done
    video = tmp_path / "video.mp4"
    content = platform.api.get(f"/api/v1/videos/{job}/download")
    assert content.headers["content-type"] == "video/mp4"
    video.write_bytes(content.content)
    said = probed(video)
    assert re.search(r"Video: h264", said)
    assert re.search(r"512x512", said)
    part = platform.api.get(f"/api/v1/videos/{job}/download", headers={"Range": "bytes=0-99"})
    assert part.status_code == 206
    assert part.content == content.content[:100]
    thumbnail = platform.api.get(f"/api/v1/videos/{job}/thumbnail")
    assert thumbnail.content[:2] == b"\xff\xd8"


def test_the_documented_generate_request_follows_its_rules(
    platform: Platform, until: Callable[..., Any]
) -> None:
    request = {"prompt": "A beautiful sunset over mountains", "num_steps": 30, "quality": "high"}
    refused = platform.api.post("/api/v1/videos/generate", json=request)
    assert refused.status_code == 400
    assert platform.api.post("/api/v1/videos/generate", json={"prompt": ""}).status_code == 422
    sizes = {"width": 256, "height": 256, "seed": 7, "num_steps": 5, "quality": "low"}
    pair = [
        platform.api.post("/api/v1/videos/generate", json={"prompt": "the same", **sizes})
        for _ in range(2)
    ]
    videos = [answer.json()["video_id"] for answer in pair]
    for video in videos:
        until(lambda video=video: platform.get(f"/videos/{video}")["status"] == "completed")
    first, second = (platform.api.get(f"/api/v1/videos/{v}/download").content for v in videos)
    assert first == second
