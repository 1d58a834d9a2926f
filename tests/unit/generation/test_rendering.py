from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from streams.generation.rendering.lettering import lettering
from streams.generation.rendering.renderer import RenderError, render
from streams.generation.rendering.scene import Scene, Shot
from streams.generation.rendering.sound import tone_bed
from streams.generation.rendering.waves import AMPLITUDE, TURN, cosine, sine


def a_shot(**changes: object) -> Shot:
    facts = {"prompt": "a sea", "width": 256, "height": 264, "steps": 20, "seed": 1, "frames": 12}
    return Shot(**{**facts, **changes})  # type: ignore[arg-type]


def probe(path: Path) -> str:
    """What ffmpeg says of a file; it decodes the whole of it, and any error is in there."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def ignore(_: int) -> None: ...


def test_sines_are_whole_numbers_of_the_right_size() -> None:
    angles = np.arange(-TURN, 2 * TURN)
    assert np.array_equal(sine(angles), sine(angles + TURN))
    assert np.array_equal(cosine(angles), sine(angles + TURN // 4))
    assert sine(np.array([0, TURN // 4, TURN // 2, 3 * TURN // 4])).tolist() == [
        0,
        AMPLITUDE,
        0,
        -AMPLITUDE,
    ]


def test_the_sums_of_the_busiest_scene_are_exact_in_32_bit_floats() -> None:
    scene = Scene(a_shot(steps=100))
    assert int(scene._weights.sum()) * 2 * AMPLITUDE**2 < 2**24


def test_a_frame_is_one_planar_picture() -> None:
    shot = a_shot()
    assert len(Scene(shot).frame(0)) == shot.width * shot.height * 3 // 2


def test_the_same_shot_is_the_same_frames_and_another_seed_is_another() -> None:
    frames = [Scene(a_shot(seed=seed)).frame(6) for seed in (1, 1, 2)]
    assert frames[0] == frames[1] != frames[2]


def test_pictures_move() -> None:
    scene = Scene(a_shot())
    assert scene.frame(4) != scene.frame(5)


def test_more_steps_give_more_detail() -> None:
    def roughness(steps: int) -> float:
        shot = a_shot(steps=steps, prompt=".", frames=40)
        luma = np.frombuffer(Scene(shot).frame(20)[: 256 * 264], np.uint8).reshape(264, 256)
        return float(np.abs(np.diff(luma.astype(int))).mean())

    assert roughness(5) < roughness(40) < roughness(100)


def test_letters_are_drawn_where_they_fit() -> None:
    mask = lettering("Hello", 256)
    assert mask.shape[1] == 256
    assert set(np.unique(mask)) == {0, 1}
    assert not mask[:, -10:].any()


def test_a_long_text_is_cut_short() -> None:
    assert lettering("word " * 1000, 256).shape == lettering("word " * 30, 256).shape


@pytest.mark.parametrize(
    "text",
    ["", " ", "\x00\x1b[0m", "日本語", "👩‍👩‍👧", "x" * 5000, "a\nb", "%{pts}:'\\[]"],
    ids=ascii,
)
def test_any_text_can_be_drawn(text: str) -> None:
    Scene(a_shot(prompt=text, width=256, height=256)).frame(11)


def test_accents_are_dropped_and_unknown_letters_are_boxes() -> None:
    assert np.array_equal(lettering("café", 256), lettering("cafe", 256))
    assert np.array_equal(lettering("日", 256), lettering("Ж", 256))


def test_every_glyph_is_different() -> None:
    glyphs = {lettering(chr(code), 256).tobytes() for code in range(33, 127)}
    assert len(glyphs) == 127 - 33


def test_the_tone_bed_is_quiet_and_starts_and_ends_in_silence() -> None:
    tone = tone_bed(5, 44_100)
    assert tone[0] == tone[-1] == 0
    assert 1000 < np.abs(tone).max() < 12_000
    assert np.array_equal(tone, tone_bed(5, 44_100))


def test_a_rendering_plays(tmp_path: Path) -> None:
    done: list[int] = []
    files = render(a_shot(frames=36), "medium", tmp_path, done.append)
    said = probe(files.video)
    assert "Video: h264" in said
    assert "yuv420p" in said
    assert "256x264" in said
    assert "Audio: aac" in said
    duration = re.search(r"Duration: 00:00:(\d\d\.\d\d)", said)
    assert duration is not None
    assert float(duration[1]) == pytest.approx(1.5, abs=0.03)
    assert files.seconds == 1.5
    assert done == list(range(1, 37))
    assert "256x264" in probe(files.thumbnail)
    assert files.thumbnail.read_bytes()[:3] == b"\xff\xd8\xff"


def test_the_index_stands_at_the_front(tmp_path: Path) -> None:
    video = render(a_shot(), "low", tmp_path, ignore).video.read_bytes()
    assert video[4:8] == b"ftyp"
    assert video.index(b"moov") < video.index(b"mdat")


def test_the_same_shot_is_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        files = render(a_shot(steps=60), "high", folder, ignore)
        made.append((files.video.read_bytes(), files.thumbnail.read_bytes()))
    assert made[0] == made[1]


def test_better_quality_is_larger(tmp_path: Path) -> None:
    sizes = [
        render(a_shot(steps=50), quality, tmp_path, ignore).video.stat().st_size
        for quality in ("low", "medium", "high")
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_an_encoder_that_fails_is_an_error_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").mkdir()
    with pytest.raises(RenderError, match=r"ffmpeg ended with \d+: .*video.mp4"):
        render(a_shot(), "low", tmp_path, ignore)
