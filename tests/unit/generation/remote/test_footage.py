from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from streams.generation.providers.footage import finish, look_at
from streams.generation.providers.provider import Order, ProviderError, Rendering
from tests.unit.generation.remote.orders import an_order
from tests.unit.generation.test_rendering import probe


def finished(raw: Path, order: Order) -> Rendering:
    folder = raw.parent / "out"
    folder.mkdir(exist_ok=True)
    return asyncio.run(finish(raw, order, folder))


@pytest.fixture
def raw(footage: Path, tmp_path: Path) -> Path:
    path = tmp_path / "raw.mp4"
    path.write_bytes(footage.read_bytes())
    return path


def test_a_video_is_cut_to_size_and_length(raw: Path) -> None:
    made = finished(raw, an_order(width=256, height=256, seconds=1.5))
    said = probe(made.video)
    assert "Video: h264" in said
    assert "256x256" in said
    assert "Audio: aac" in said
    assert made.seconds == pytest.approx(1.5, abs=0.05)
    assert "256x256" in probe(made.thumbnail)


def test_a_better_quality_is_larger(raw: Path) -> None:
    sizes = [
        finished(raw, an_order(width=256, quality=quality)).video.stat().st_size
        for quality in ("low", "high")
    ]
    assert sizes[0] < sizes[1]


def test_what_the_header_says_is_read(raw: Path) -> None:
    found = asyncio.run(look_at(raw))
    assert (found.codec, found.pixels, found.width, found.height) == ("h264", "yuv420p", 320, 256)
    assert found.seconds == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("size", [(320, 256), (256, 256)], ids=["as it is", "to be cut"])
def test_a_torn_file_is_noticed_though_its_header_is_whole(
    raw: Path, size: tuple[int, int]
) -> None:
    content = raw.read_bytes()
    raw.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ProviderError, match="cannot be played") as failed:
        finished(raw, an_order(width=size[0], height=size[1]))
    assert failed.value.retryable


def test_a_script_dressed_up_as_a_video_opens_no_other_file(raw: Path, footage: Path) -> None:
    raw.with_name("private.mp4").write_bytes(footage.read_bytes())
    raw.write_text("ffconcat version 1.0\nfile 'private.mp4'\nduration 2\n")
    with pytest.raises(ProviderError, match="not a playable MP4"):
        finished(raw, an_order())


def test_sound_alone_is_no_video(raw: Path, tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(raw), "-vn"]
    subprocess.run([*command, str(sound)], check=True)
    with pytest.raises(ProviderError, match="not a playable MP4"):
        finished(sound, an_order())
