"""Pinned archives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infra.embedded import archives
from infra.embedded.archives import Artifact
from infra.embedded.errors import EmbeddedError


@pytest.mark.parametrize("coordinate", ["g:a:1", "g:a:1:tar.gz", "g:a:1:tar.gz:all"])
def test_a_line_of_a_lock_reads_back(coordinate: str) -> None:
    artifact = Artifact.parse(f"{'0' * 64}  {coordinate}")
    assert artifact.coordinate == coordinate


@pytest.mark.parametrize("server", ["kafka", "apicurio"])
def test_every_pinned_artifact_has_a_checksum(server: str) -> None:
    pinned = archives.read_lock(server)
    assert pinned
    assert all(len(bytes.fromhex(artifact.sha256)) == 32 for artifact in pinned)


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert archives.cache_directory() == tmp_path / "groundswell"


@pytest.fixture
def one_jar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """One pinned artifact, and a repository that serves `good`; the list has every download."""
    served: list[Path] = []
    pin = Artifact(hashlib.sha256(b"good").hexdigest(), "g", "a", "1")

    def download(artifact: Artifact, downloads: Path) -> Path:
        downloads.mkdir(parents=True, exist_ok=True)
        path = downloads / "a-1.jar"
        path.write_bytes(b"good")
        served.append(path)
        return path

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(archives, "read_lock", lambda server: [pin])
    monkeypatch.setattr(archives, "fetch_unchecked", download)
    return served


def test_archives_are_downloaded_once(one_jar: list[Path]) -> None:
    first = archives.jars("kafka")
    assert archives.jars("kafka") == first
    assert [file.name for file in first.iterdir()] == ["a-1.jar"]
    assert len(one_jar) == 1


def test_a_wrong_checksum_is_refused_and_leaves_nothing_usable(
    one_jar: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Artifact(hashlib.sha256(b"other").hexdigest(), "g", "a", "1")
    monkeypatch.setattr(archives, "read_lock", lambda server: [other])
    with pytest.raises(EmbeddedError, match=r"g:a:1 .*sha256"):
        archives.jars("kafka")
    assert not any(
        file.name.startswith("kafka-") and file.is_dir() and any(file.iterdir())
        for file in archives.cache_directory().iterdir()
    )


def test_a_network_that_fails_is_said_in_one_line(
    one_jar: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(artifact: Artifact, downloads: Path) -> Path:
        raise ConnectionError("no route")

    monkeypatch.setattr(archives, "fetch_unchecked", fail)
    with pytest.raises(EmbeddedError, match=r"no route.*KAFKA_BOOTSTRAP_SERVERS"):
        archives.jars("kafka")
