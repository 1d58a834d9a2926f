from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from streams.generation.providers.local import LocalProvider
from streams.generation.providers.provider import Order, ProviderError
from tests.unit.generation.telling import Heard


def an_order(**changes: object) -> Order:
    facts = {
        "key": "j:1",
        "prompt": "a 'sea'; [0:v]drawtext=%{pts}",
        "width": 256,
        "height": 256,
        "steps": 5,
        "quality": "low",
        "seed": 3,
        "seconds": 0.5,
    }
    return Order(**{**facts, **changes})  # type: ignore[arg-type]


def test_progress_is_told_and_files_are_made(tmp_path: Path) -> None:
    heard = Heard()
    made = asyncio.run(LocalProvider().generate(an_order(), tmp_path, heard))
    assert made.seconds == 0.5
    assert made.video.stat().st_size > 1000
    assert made.thumbnail.exists()
    assert heard.percents == sorted(heard.percents)
    assert heard.percents[-1] == 95
    assert set(heard.steps) == {"rendering"}


def test_an_encoder_that_fails_is_a_retryable_error(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").mkdir()

    with pytest.raises(ProviderError, match="ffmpeg ended with") as failed:
        asyncio.run(LocalProvider().generate(an_order(), tmp_path, Heard()))
    assert failed.value.retryable


def test_processes_that_know_nothing_of_each_other_make_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", name)
        monkeypatch.setenv("LC_ALL", "C" if name == "1" else "C.UTF-8")
        folder = tmp_path / name
        folder.mkdir()
        order = an_order(key=f"j:{name}", quality="medium", steps=40)
        files = asyncio.run(LocalProvider().generate(order, folder, Heard()))
        made.append((files.video.read_bytes(), files.thumbnail.read_bytes()))
    assert made[0] == made[1]


@pytest.mark.parametrize("room", ["16k", "256k"], ids=["for no sound", "for no video"])
def test_a_full_disk_is_told_as_such(tmp_path: Path, room: str) -> None:
    """On a real file system without room, in a namespace of its own."""
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size={room} tmpfs {tmp_path}"
    alone = [str(unshare), "--user", "--map-root-user", "--mount", "sh", "-c"]
    if unshare is None or subprocess.run([*alone, mount], capture_output=True).returncode:
        pytest.skip("no namespaces may be made here")
    order = an_order(width=512, height=512, steps=100, quality="high", seconds=1.0)
    child = subprocess.Popen(
        [*alone, f"{mount} && exec {sys.executable} -m streams.generation.rendering {tmp_path}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child, child.stdin, child.stdout:
        child.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        child.stdin.flush()
        said = [json.loads(line) for line in child.stdout]
    assert said[-1]["error"].startswith("the disk is full, 0 bytes are left: ")


def test_a_renderer_that_dies_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="ended early: KeyError: 'ultra'"):
        asyncio.run(LocalProvider().generate(an_order(quality="ultra"), tmp_path, Heard()))


def test_cancelling_ends_the_renderer_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        heard = Heard()
        order = an_order(seconds=60.0, width=512, height=512)
        rendering = asyncio.create_task(LocalProvider().generate(order, tmp_path, heard))
        await heard.moving.wait()
        rendering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rendering

    asyncio.run(scenario())


def test_the_renderer_ends_when_whoever_asked_is_gone(tmp_path: Path) -> None:
    order = (
        '{"prompt":"p","width":512,"height":512,"steps":5,"seed":1,"seconds":60.0,"quality":"low"}'
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "streams.generation.rendering", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        child.stdin.write(order.encode() + b"\n")
        child.stdin.flush()
        assert b"percent" in child.stdout.readline()
        child.stdin.close()
        assert child.wait(timeout=120) == 1
    assert not tmp_path.exists()


def test_the_probe_starts_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(LocalProvider().probe())
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    with pytest.raises(ProviderError, match="ffmpeg does not start"):
        asyncio.run(LocalProvider().probe())
