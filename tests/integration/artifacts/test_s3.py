"""Artifacts in a bucket, over a server that speaks S3 and holds every request's signature against
its key."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.catalogue import GENERATION_EVENTS
from streams.artifacts import ArtifactError, Artifacts, DamagedArtifactError, MissingArtifactError
from tests.integration.api.conftest import Api
from tests.integration.api.test_jobs import queued_facts, story
from tests.integration.artifacts.s3 import KEY, S3

PUT = """
import asyncio, pathlib, sys
from streams.artifacts import Artifacts
asyncio.run(Artifacts(sys.argv[1]).put_file(pathlib.Path(sys.argv[2]), "videos/killed"))
"""

CONTENT = random.Random(1).randbytes(6_000_000)  # a put in two parts


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def test_what_was_put_is_read_back_whole_in_part_and_checked(s3: S3, source: Path) -> None:
    async def scenario() -> None:
        artifacts = Artifacts(s3.address)
        stored = await artifacts.put_file(source, "videos/j/1.mp4")
        assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert s3.file("videos/j/1.mp4").read_bytes() == CONTENT
        assert await artifacts.size("videos/j/1.mp4") == len(CONTENT)
        assert await artifacts.read("videos/j/1.mp4") == CONTENT
        assert await artifacts.read("videos/j/1.mp4", 10, 5_500_000) == CONTENT[10:5_500_000]
        whole = [part async for part in artifacts.checked("videos/j/1.mp4", stored.sha256)]
        assert b"".join(whole) == CONTENT
        assert len(whole) > 10
        [[listed]] = [some async for some in artifacts.listed("videos/j/")]
        assert (listed.name, listed.bytes) == ("videos/j/1.mp4", len(CONTENT))
        assert abs(dt.datetime.now(dt.UTC) - listed.modified) < dt.timedelta(minutes=5)

        with s3.file("videos/j/1.mp4").open("r+b") as file:  # a disk that rots
            file.seek(4_000_000)
            file.write(b"?")
        with pytest.raises(DamagedArtifactError):
            _ = [part async for part in artifacts.checked("videos/j/1.mp4", stored.sha256)]

        await artifacts.delete("videos/j/1.mp4")
        await artifacts.delete("videos/j/1.mp4")
        with pytest.raises(MissingArtifactError):
            await artifacts.size("videos/j/1.mp4")
        with pytest.raises(MissingArtifactError):
            await artifacts.read("videos/j/1.mp4", 0, 10)

    asyncio.run(scenario())


def test_a_wrong_key_is_an_error_that_shows_none(
    s3: S3, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a wrong one")
    with pytest.raises(ArtifactError) as raised:
        asyncio.run(Artifacts(s3.address).put_file(source, "x"))
    assert "403" in str(raised.value)
    assert KEY not in str(raised.value)
    assert "a wrong one" not in str(raised.value)
    assert not s3.file("x").exists()


@contextmanager
def stalling(port: int, after: int) -> Iterator[tuple[int, threading.Event]]:
    """A way to a port that passes on so many bytes and no more; it says when it stops."""
    stalled, over = threading.Event(), threading.Event()
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []
    passed = 0

    def run(target: Callable[..., None], *arguments: Any) -> None:
        threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        threads[-1].start()

    def pump(source: socket.socket, target: socket.socket, counts: bool) -> None:
        nonlocal passed
        with suppress(OSError):
            while data := source.recv(65536):
                passed += len(data) if counts else 0
                if passed > after:
                    stalled.set()
                    over.wait()
                    return
                target.sendall(data)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                sockets.extend((near, far))
                run(pump, near, far, True)
                run(pump, far, near, False)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        run(accept, listener)
        try:
            yield listener.getsockname()[1], stalled
        finally:
            over.set()
            for one in (listener, *sockets):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for one in sockets:
                one.close()


def test_a_put_that_is_killed_leaves_what_was_there(s3: S3, source: Path, tmp_path: Path) -> None:
    artifacts = Artifacts(s3.address)
    before = tmp_path / "before"
    before.write_bytes(b"what was there")

    def strike() -> None:
        with stalling(s3.port, after=5_500_000) as (port, stalled):
            environment = {**os.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
            child = subprocess.Popen(
                [sys.executable, "-c", PUT, s3.address, str(source)], env=environment
            )
            try:
                assert stalled.wait(60)
                assert child.poll() is None
            finally:
                child.kill()
                child.wait()

    strike()
    with pytest.raises(MissingArtifactError):
        asyncio.run(artifacts.size("videos/killed"))
    asyncio.run(artifacts.put_file(before, "videos/killed"))
    strike()
    assert asyncio.run(artifacts.read("videos/killed")) == b"what was there"


def finished(api: Api, source: Path, job: str) -> str:
    """A job whose video is in the bucket; its download's address."""
    artifacts = Artifacts(str(api.settings.artifacts_url))
    video = asyncio.run(artifacts.put_file(source, f"videos/{job}/1-aaaaaaaa.mp4"))
    picture = asyncio.run(artifacts.put_file(source, f"videos/{job}/1-aaaaaaaa.jpg"))
    started = {"provider_used": "local", "model": "m", "fencing_token": "t", "worker": "w"}
    ended = {"bytes": video.bytes, "sha256": video.sha256, "video_seconds": 4.0}
    api.fold(
        "jobs",
        GENERATION_EVENTS,
        story(job, 1, "JobQueued", **queued_facts()),
        story(job, 2, "AttemptStarted", attempt=1, **started),
        story(
            job, 3, "Completed", attempt=1, artifact=video.name, thumbnail=picture.name,
            processing_s=1.0, **ended,
        ),
    )  # fmt: skip
    return f"/api/v1/videos/{job}"


def test_the_api_serves_ranges_out_of_the_bucket(api: Api, source: Path) -> None:
    address = finished(api, source, "bucket-job")
    whole = api.client.get(f"{address}/download")
    assert whole.status_code == 200
    assert whole.content == CONTENT
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["repr-digest"].startswith("sha-256=:")
    part = api.client.get(f"{address}/download", headers={"Range": "bytes=5000000-5999999"})
    assert part.status_code == 206
    assert part.content == CONTENT[5_000_000:6_000_000]
    assert part.headers["content-range"] == f"bytes 5000000-5999999/{len(CONTENT)}"
    last = api.client.get(f"{address}/download", headers={"Range": "bytes=-10"})
    assert last.content == CONTENT[-10:]
    beyond = api.client.get(f"{address}/download", headers={"Range": "bytes=6000000-"})
    assert beyond.status_code == 416
    picture = api.client.get(f"{address}/thumbnail")
    assert (picture.status_code, picture.content) == (200, CONTENT)
    assert picture.headers["content-type"] == "image/jpeg"


def test_a_damaged_video_never_looks_complete(s3: S3, api: Api, source: Path) -> None:
    address = finished(api, source, "damaged-job")
    s3.file("videos/damaged-job/1-aaaaaaaa.mp4").write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(httpx.RemoteProtocolError):
        api.client.get(f"{address}/download")


def test_files_that_expired_are_gone_by_name(api: Api, source: Path) -> None:
    address = finished(api, source, "expired-job")
    expired = story("expired-job", 4, "ArtifactsExpired", kept_days=30.0)
    api.fold("jobs", GENERATION_EVENTS, expired)
    for path in ("download", "thumbnail"):
        answer = api.client.get(f"{address}/{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (410, "ARTIFACTS_EXPIRED")
        assert answer.json()["details"]["expired_at"]
    assert api.client.get(address).json()["video_url"] is None
    job = api.client.get("/api/v1/jobs/expired-job").json()
    assert (job["status"], job["result"]) == ("completed", None)
