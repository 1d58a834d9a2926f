"""Which files a sweep removes, over a real store and real stories."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from pathlib import Path

import psycopg
import pytest

from streams.artifacts import Artifacts
from streams.decisions import store
from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import Cancel, Complete, LoseAttempt, Queue, StartAttempt
from streams.generation.work.retention import GRACE, Sweeper, Swept, sweeping
from tests.integration.generation.stories import connect, types, until
from tests.unit.generation.requests import NOW, queued

DAY = dt.timedelta(days=1)
LATER = NOW + 3 * DAY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def put(folder: Path, *names: str, at: dt.datetime = NOW) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (at.timestamp(), at.timestamp()))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def start(token: str) -> StartAttempt:
    return StartAttempt(NOW, "local", "m", token, "w")


async def lived(dsn: str, job_id: str, *wishes: object) -> None:
    async with await connect(dsn) as conn:
        for wish in (Queue(NOW, queued()), *wishes):
            await commands.decide(conn, job_id, wish)  # type: ignore[arg-type]


async def completed(dsn: str, folder: Path, job_id: str, at: dt.datetime = NOW) -> set[str]:
    names = [f"videos/{job_id}/1-aaaaaaaa.mp4", f"videos/{job_id}/1-aaaaaaaa.jpg"]
    put(folder, *names, at=at)
    done = Complete(at, "t", *names, bytes=1, sha256="ab", video_seconds=1.0, processing_s=1.0)
    await lived(dsn, job_id, start("t"), done)
    return set(names)


def sweep(dsn: str, folder: Path, at: dt.datetime, keep_days: float = 2.0) -> Swept | None:
    return asyncio.run(Sweeper(dsn, Artifacts(folder.as_uri()), keep_days=keep_days).sweep(at))


def test_files_are_kept_for_their_time_and_their_end_is_told(prepared: str, folder: Path) -> None:
    async def story() -> set[str]:
        await completed(prepared, folder, "old")
        return await completed(prepared, folder, "new", NOW + 2 * DAY)

    new = asyncio.run(story())
    assert sweep(prepared, folder, NOW + 2 * DAY - dt.timedelta(seconds=1)) == Swept()
    assert sweep(prepared, folder, LATER, keep_days=0) == Swept()
    assert sweep(prepared, folder, LATER) == Swept(expired=1)
    assert files(folder) == new
    told = asyncio.run(types(prepared, "old"))
    assert told == ["JobQueued", "AttemptStarted", "Completed", "ArtifactsExpired"]
    assert sweep(prepared, folder, LATER) == Swept()
    assert len(asyncio.run(types(prepared, "old"))) == 4


def test_a_sweep_that_was_cut_off_is_finished_by_the_next(
    prepared: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(completed(prepared, folder, "j"))
    with monkeypatch.context() as patch:

        async def killed(self: Artifacts, name: str) -> None:
            raise KeyboardInterrupt

        patch.setattr(Artifacts, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            sweep(prepared, folder, LATER)
    assert asyncio.run(types(prepared, "j"))[-1] == "ArtifactsExpired"
    assert len(files(folder)) == 2
    assert sweep(prepared, folder, LATER) == Swept(orphans=2)
    assert files(folder) == set()
    assert asyncio.run(types(prepared, "j")).count("ArtifactsExpired") == 1


def test_files_of_attempts_that_were_given_up_are_removed_and_no_others(
    prepared: str, folder: Path
) -> None:
    async def stories() -> set[str]:
        kept = await completed(prepared, folder, "done")
        put(folder, "videos/done/1-bbbbbbbb.mp4")  # of a worker that lost
        await lived(prepared, "called-off", start("a"), Cancel(NOW, "no"))
        put(folder, "videos/called-off/1-cccccccc.mp4")
        await lived(prepared, "running", start("a"), LoseAttempt(NOW, 1, "gone"), start("b"))
        put(folder, "videos/running/1-dddddddd.mp4")
        runs = {"videos/running/2-eeeeeeee.mp4", "videos/running/2-eeeeeeee.jpg"}
        put(folder, *runs)
        return kept | runs

    strangers = {"videos/another-installation/1-ffffffff.mp4", "videos/notes.txt", "models/m.zip"}
    put(folder, *strangers)
    put(folder, "videos/done/1-99999999.mp4#1")  # what a killed put leaves
    kept = asyncio.run(stories())
    assert sweep(prepared, folder, NOW + GRACE) == Swept()
    before = files(folder)
    found = sweep(prepared, folder, NOW + GRACE + dt.timedelta(seconds=1), keep_days=0)
    assert found == Swept(orphans=3, strangers=2, unfinished=1)
    assert files(folder) == kept | strangers
    assert len(before - files(folder)) == 4


def test_of_two_workers_one_sweeps(prepared: str, folder: Path) -> None:
    folder.mkdir()
    with psycopg.connect(prepared, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('groundswell artifacts sweep', 0))")
        assert sweep(prepared, folder, LATER) is None
    assert sweep(prepared, folder, LATER) == Swept()


def test_sweeps_go_on_beside_the_work_and_survive_trouble(
    prepared: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL is away for the first look."""

    async def scenario() -> None:
        await completed(prepared, folder, "j", dt.datetime.now(dt.UTC) - DAY)
        sweeper = Sweeper("host=127.0.0.1 port=1", Artifacts(folder.as_uri()), keep_days=0.5)
        working = asyncio.Event()
        plain = sweeper.run
        monkeypatch.setattr(sweeper, "run", lambda: plain(first=0.0, every=0.05))

        async def gone() -> bool:
            return not files(folder)

        async def work() -> None:
            await asyncio.sleep(0.2)
            assert files(folder)
            sweeper._dsn = prepared
            await until(gone)
            working.set()

        await sweeping(sweeper, work())
        assert working.is_set()
        async with await connect(prepared) as conn:
            rows = (await store.load(conn, "generation", ["j"]))["j"]
        assert rows[-1].body == {"kept_days": 0.5}

    asyncio.run(scenario())
