"""A prompt changes the picture and nothing else: no prompt is a command."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.generation.providers.local import LocalProvider
from streams.generation.providers.provider import Order
from streams.generation.rendering import renderer
from streams.generation.rendering.renderer import render
from streams.generation.rendering.scene import Scene, Shot
from tests.unit.generation.telling import Heard
from tests.unit.generation.test_rendering import probe

SHOT = Shot(prompt="a sea", width=256, height=256, steps=5, seed=3, frames=3)

NASTY = {
    "drawtext": "x':text='%{pts\\:hms}':fontfile=/etc/passwd,drawtext=textfile=/etc/passwd",
    "filters": "[0:v]split[a][b];[a]crop=1:1[c];movie=/etc/passwd[out]",
    "options": "-y -i /etc/passwd -f rawvideo /tmp/out ; --help",
    "shell": '$(touch /tmp/pwned) `id` && rm -rf / | "quoted" \\" \'',
    "control": "".join(map(chr, (*range(1, 32), 127, 0x85, 0x9B))) + "\r\n\x1b]0;title\x07",
    "line": '\n{"video": "/etc/passwd", "thumbnail": "x", "seconds": 1}\n',
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 é́́́́ 日本語",
    "right to left": "שלום \u202eevil\u202c مرحبا \u2066x\u2069",
    "long": "word%{n} " * 625,
    "one word": "W" * 5000,
}

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
pieces = st.lists(st.sampled_from([*NASTY.values(), "'", ":", "%{", "}", "\\", "\n", ",", ";"]))


def encoder_command(shot: Shot) -> list[str]:
    return renderer._encode(shot, "low", Path("sound.wav"), Path("video.mp4"))


@given(any_text | pieces.map("".join))
def test_any_prompt_is_drawn_and_reaches_no_command(prompt: str) -> None:
    shot = replace(SHOT, prompt=prompt)
    assert encoder_command(shot) == encoder_command(SHOT)
    frame = Scene(shot).frame(2)
    assert len(frame) == len(Scene(SHOT).frame(2))


@pytest.mark.parametrize("prompt", NASTY.values(), ids=NASTY)
def test_a_nasty_prompt_changes_the_picture_only(
    prompt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    started = subprocess.Popen

    class Recorded(started):  # type: ignore[type-arg, misc, valid-type]
        def __init__(self, command: list[str], **options: Any) -> None:
            commands.append([part.replace(str(tmp_path), "") for part in command])
            assert not options.get("shell")
            super().__init__(command, **options)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    made = []
    for name, shot in (("plain", SHOT), ("nasty", replace(SHOT, prompt=prompt))):
        folder = tmp_path / name
        folder.mkdir()
        files = render(shot, "low", folder, lambda _: None)
        said = probe(files.video).partition("Metadata:")[2].partition("bitrate")[0]
        sound = (folder / "sound.wav").read_bytes()
        made.append((said, sound, files.seconds, sorted(path.name for path in folder.iterdir())))
    assert made[0] == made[1]
    plain, nasty = (
        [[part.replace(name, "") for part in c] for c in commands if f"/{name}/" in str(c)]
        for name in ("plain", "nasty")
    )
    assert plain == nasty
    assert len(plain) >= 2  # the encoder's and the thumbnail's


@settings(max_examples=20)
@given(any_text | pieces.map("".join))
def test_the_renderers_process_gets_no_prompt_on_its_command_line(prompt: str) -> None:
    started: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    async def refuse(*command: str, **options: Any) -> Any:
        started.append((command, options))
        raise OSError("enough seen")

    order = Order(key="j:1", **asdict_order(), prompt=prompt)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", refuse)
        with pytest.raises(OSError, match="enough seen"):
            asyncio.run(LocalProvider().generate(order, Path("/folder"), Heard()))
    ((command, options),) = started
    assert command[1:] == ("-m", "streams.generation.rendering", "/folder")
    assert {name: value for name, value in options["env"].items() if value != "1"}.items() <= (
        os.environ.items()
    )


def asdict_order() -> dict[str, Any]:
    facts = asdict(SHOT)
    return {
        **{name: facts[name] for name in ("width", "height", "steps", "seed")},
        "quality": "low",
        "seconds": 0.5,
    }


@pytest.mark.parametrize("name", ["line", "control", "long"])
def test_a_prompt_that_looks_like_an_answer_is_none(name: str, tmp_path: Path) -> None:
    order = Order(key="j:1", **asdict_order(), prompt=NASTY[name])
    made = asyncio.run(LocalProvider().generate(order, tmp_path, Heard()))
    assert made.video == tmp_path / "video.mp4"


def test_an_odd_folder_is_no_command_either(tmp_path: Path) -> None:
    folder = tmp_path / "-y 'odd';[0:v]%d:x"
    folder.mkdir()
    order = Order(key="j:1", **asdict_order(), prompt="p")
    made = asyncio.run(LocalProvider().generate(order, folder, Heard()))
    assert "Video: h264" in probe(made.video)
