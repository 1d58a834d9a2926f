from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from streams.artifacts import ArtifactError, Artifacts, MissingArtifactError


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
