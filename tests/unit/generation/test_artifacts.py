from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.artifacts import (
    ArtifactError,
    Artifacts,
    DamagedArtifactError,
    MissingArtifactError,
)

# Without the checksum, which would take as long as the put.
PUT = """
import obstore, pathlib, sys
from streams.artifacts import Artifacts
obstore.put(Artifacts(sys.argv[1])._store, "videos/v", pathlib.Path(sys.argv[2]))
"""


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts((tmp_path / "store").as_uri())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


def test_what_was_put_is_read_back_whole_and_in_part(artifacts: Artifacts, source: Path) -> None:
    async def scenario() -> None:
        content = source.read_bytes()
        stored = await artifacts.put_file(source, "videos/j/1.mp4")
        assert stored.bytes == len(content)
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
        assert await artifacts.size("videos/j/1.mp4") == len(content)
        assert await artifacts.read("videos/j/1.mp4") == content
        assert await artifacts.read("videos/j/1.mp4", 10, 300) == content[10:300]
        assert await artifacts.read("videos/j/1.mp4", 1_000_000) == content[1_000_000:]
        assert await artifacts.read("videos/j/1.mp4", 5, 5) == b""
        parts = [part async for part in artifacts.stream("videos/j/1.mp4")]
        assert len(parts) > 1
        assert b"".join(parts) == content

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 + 1, 12 * 1024 * 1024])
def test_files_of_any_size_arrive_whole(artifacts: Artifacts, tmp_path: Path, size: int) -> None:
    async def scenario() -> None:
        path = tmp_path / "some.bin"
        path.write_bytes(bytes(size))
        stored = await artifacts.put_file(path, "some")
        assert stored.bytes == size
        assert stored.sha256 == hashlib.sha256(bytes(size)).hexdigest()
        assert await artifacts.read("some") == bytes(size)

    asyncio.run(scenario())


def test_a_name_that_is_not_there_is_missing(artifacts: Artifacts) -> None:
    async def scenario() -> None:
        with pytest.raises(MissingArtifactError, match="nothing/here"):
            await artifacts.size("nothing/here")
        with pytest.raises(MissingArtifactError):
            await artifacts.read("nothing/here", 0, 10)
        await artifacts.delete("nothing/here")

    asyncio.run(scenario())


def test_a_second_put_replaces_the_first(artifacts: Artifacts, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "text"
        for content in (b"a long first one", b"second"):
            path.write_bytes(content)
            await artifacts.put_file(path, "text")
        assert await artifacts.read("text") == b"second"
        await artifacts.delete("text")
        with pytest.raises(MissingArtifactError):
            await artifacts.read("text")

    asyncio.run(scenario())


def test_a_damaged_artifact_never_comes_to_its_end(
    artifacts: Artifacts, source: Path, tmp_path: Path
) -> None:
    async def parts(name: str, sha256: str) -> int:
        return sum([len(part) async for part in artifacts.checked(name, sha256)])

    async def scenario() -> None:
        stored = await artifacts.put_file(source, "v")
        assert await parts("v", stored.sha256) == stored.bytes
        path = tmp_path / "store" / "v"
        for damaged in (b"x" + source.read_bytes()[1:], source.read_bytes()[:-1], b"", b"short"):
            path.write_bytes(damaged)
            came = 0
            with pytest.raises(DamagedArtifactError, match="v is damaged"):
                async for part in artifacts.checked("v", stored.sha256):
                    came += len(part)
            assert came < stored.bytes
            assert came < len(damaged) or not damaged

    asyncio.run(scenario())


def test_artifacts_are_listed_with_their_sizes_and_times(
    artifacts: Artifacts, source: Path
) -> None:
    async def scenario() -> None:
        before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=2)
        for name in ("videos/a/1.mp4", "videos/b/1.mp4", "models/c"):
            await artifacts.put_file(source, name)
        found = [one async for some in artifacts.listed("videos/") for one in some]
        assert sorted(one.name for one in found) == ["videos/a/1.mp4", "videos/b/1.mp4"]
        assert {one.bytes for one in found} == {source.stat().st_size}
        after = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
        assert all(before <= one.modified <= after for one in found)
        assert [one async for one in artifacts.listed("nothing/")] == []

    asyncio.run(scenario())


@pytest.mark.parametrize("folder", ["store", "a store", "m\u00fcll"])
def test_what_a_killed_put_has_left_is_removed_after_a_while(tmp_path: Path, folder: str) -> None:
    """The process is struck while the file is written; nothing ever stands under the name."""
    store = tmp_path / folder
    artifacts = Artifacts(store.as_uri())
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(4 << 30)  # a hole: nothing is stored of it, but putting it takes seconds
    child = subprocess.Popen([sys.executable, "-c", PUT, store.as_uri(), str(source)])
    try:
        deadline = time.monotonic() + 30
        while not list(store.rglob("*#*")):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.005)
    finally:
        child.kill()
        child.wait()
    with pytest.raises(MissingArtifactError):
        asyncio.run(artifacts.size("videos/v"))
    now = dt.datetime.now(dt.UTC)
    assert asyncio.run(artifacts.remove_unfinished(now - dt.timedelta(hours=1))) == 0
    assert asyncio.run(artifacts.remove_unfinished(now + dt.timedelta(hours=1))) == 1
    assert not list(store.rglob("*#*"))


def test_nothing_is_left_beside_an_artifact(
    artifacts: Artifacts, source: Path, tmp_path: Path
) -> None:
    asyncio.run(artifacts.put_file(source, "a/b"))
    assert [p.name for p in (tmp_path / "store").rglob("*") if p.is_file()] == ["b"]


def test_no_name_leads_out_of_the_store(artifacts: Artifacts, source: Path, tmp_path: Path) -> None:
    with pytest.raises((ArtifactError, ValueError)):
        asyncio.run(artifacts.put_file(source, "../outside"))
    assert not (tmp_path / "outside").exists()


def test_an_address_that_is_none_says_what_to_write() -> None:
    with pytest.raises(ArtifactError, match="ARTIFACTS_URL"):
        Artifacts("gopher://somewhere")
