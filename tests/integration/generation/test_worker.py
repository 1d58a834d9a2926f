from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from streams.artifacts import ArtifactError, Artifacts
from streams.decisions.decider import Refused
from streams.generation.jobs import commands
from streams.generation.jobs.job import Status
from streams.generation.jobs.job_commands import Queue
from streams.generation.providers.local import LocalProvider
from streams.generation.providers.provider import (
    Abilities,
    Order,
    Provider,
    ProviderError,
    Rendering,
    Telling,
)
from streams.generation.work import worker
from streams.generation.work.supervision import Limits
from streams.generation.work.worker import work
from streams.work_queue.rescue import Rescuer
from streams.work_queue.running import Pulse
from tests.integration.generation.stories import connect, ended, story, types, until
from tests.unit.generation.requests import queued
from tests.unit.generation.telling import Heard
from tests.unit.generation.test_rendering import probe


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts((tmp_path / "artifacts").as_uri())


class Stub:
    """A provider that makes two small files, or fails as told."""

    name = "stub"
    model = "none"
    abilities = Abilities()

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.orders: list[Order] = []

    async def probe(self) -> None: ...

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        self.orders.append(order)
        await telling.progress(50.0, "half")
        if self.failures:
            raise self.failures.pop(0)
        video, thumbnail = folder / "v", folder / "t"
        video.write_bytes(order.key.encode())
        thumbnail.write_bytes(b"t")
        return Rendering(video, thumbnail, order.seconds)


async def ask(dsn: str, job_id: str, **changes: Any) -> None:
    async with await connect(dsn) as conn:
        await commands.decide(conn, job_id, Queue(dt.datetime.now(dt.UTC), queued(**changes)))


async def do_all(dsn: str, provider: Provider, artifacts: Artifacts, **options: Any) -> None:
    await work(dsn, {provider.name: provider}, artifacts, until_idle=True, **options)


def due_now(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() - interval '1 h'"
            " WHERE status = 'todo'"
        )


def statuses(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as conn:
        return [r[0] for r in conn.execute("SELECT status FROM procrastinate_jobs ORDER BY id")]


def test_a_request_ends_as_a_video_that_plays(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> bytes:
        await ask(prepared, "j", width=320, height=256, duration_s=1.5)
        await do_all(prepared, LocalProvider(), artifacts)
        assert await types(prepared, "j") == ["JobQueued", "AttemptStarted", "Completed"]
        async with await connect(prepared) as conn:
            job = (await commands.states(conn, ["j"]))["j"]
        assert job.status is Status.COMPLETED
        assert job.result is not None
        content = await artifacts.read(job.result.artifact)
        assert job.result.bytes == len(content)
        assert job.result.sha256 == hashlib.sha256(content).hexdigest()
        assert job.result.video_seconds == 1.5
        assert (await artifacts.read(job.result.thumbnail))[:3] == b"\xff\xd8\xff"
        return content

    path = Path(artifacts.url.removeprefix("file://")).parent / "played.mp4"
    path.write_bytes(asyncio.run(scenario()))
    said = probe(path)
    assert "320x256" in said
    assert "Duration: 00:00:01.5" in said


def test_the_same_request_and_seed_give_the_same_bytes(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> None:
        for job_id, seed in (("a", 5), ("b", 5), ("c", 6)):
            await ask(prepared, job_id, seed=seed)
        await do_all(prepared, LocalProvider(), artifacts)
        async with await connect(prepared) as conn:
            jobs = await commands.states(conn, ["a", "b", "c"])
        sums = [jobs[job_id].result.sha256 for job_id in "abc"]  # type: ignore[union-attr]
        assert sums[0] == sums[1] != sums[2]

    asyncio.run(scenario())


def test_a_high_job_overtakes_queued_low_ones(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> None:
        for job_id, priority in (("l1", "low"), ("l2", "low"), ("d", "default"), ("h", "high")):
            await ask(prepared, job_id, priority=priority)
        stub = Stub()
        await do_all(prepared, stub, artifacts)
        assert [order.key for order in stub.orders] == ["h:1", "d:1", "l1:1", "l2:1"]

    asyncio.run(scenario())


def test_a_failed_attempt_is_made_again_later(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> None:
        await ask(prepared, "j")
        stub = Stub(ProviderError("overloaded", retryable=True), OSError(28, "no space left"))
        await do_all(prepared, stub, artifacts)
        assert await types(prepared, "j") == [
            "JobQueued",
            "AttemptStarted",
            "AttemptFailed",
            "RetryScheduled",
        ]
        due_now(prepared)
        await do_all(prepared, stub, artifacts)
        due_now(prepared)
        await do_all(prepared, stub, artifacts)
        assert [order.key for order in stub.orders] == ["j:1", "j:2", "j:3"]
        assert (await types(prepared, "j"))[-1] == "Completed"
        failed = [row for row in await story(prepared, "j") if row.type == "AttemptFailed"]
        assert [row.body["error"] for row in failed] == ["overloaded", "no space left"]

    asyncio.run(scenario())


def test_a_job_whose_attempts_are_used_up_has_failed(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> None:
        await ask(prepared, "j", max_retries=0)
        await do_all(prepared, Stub(ProviderError("no", retryable=True)), artifacts)
        assert (await types(prepared, "j"))[-2:] == ["AttemptFailed", "Failed"]
        assert statuses(prepared) == ["succeeded"]

    asyncio.run(scenario())


def test_an_attempt_over_its_limit_has_failed(prepared: str, artifacts: Artifacts) -> None:
    class Hanging(Stub):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            await asyncio.sleep(3600)
            raise AssertionError

    async def scenario() -> None:
        await ask(prepared, "j", max_retries=0)
        await do_all(prepared, Hanging(), artifacts, limits=Limits(soft=0.2))
        assert (await story(prepared, "j"))[-1].body["error"].endswith("took longer than 0.2 s")

    asyncio.run(scenario())


def test_a_store_that_is_full_is_a_failed_attempt(prepared: str, artifacts: Artifacts) -> None:
    class Full(Artifacts):
        async def put_file(self, path: Path, name: str) -> Any:
            raise ArtifactError(f"{name} was not stored: no space")

    async def scenario() -> None:
        await ask(prepared, "j")
        await do_all(prepared, Stub(), Full(artifacts.url))
        assert (await types(prepared, "j"))[-1] == "RetryScheduled"

    asyncio.run(scenario())


def test_a_queued_job_that_is_called_off_never_runs(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> None:
        await ask(prepared, "j")
        async with await connect(prepared) as conn:
            job = await commands.cancel(conn, "j", "changed my mind")
            assert job.status is Status.CANCELLED
            with pytest.raises(Refused) as refused:
                await commands.cancel(conn, "j", "again")
            assert refused.value.code == "ended"
            with pytest.raises(commands.UnknownJobError):
                await commands.cancel(conn, "nobody's", "why")
        stub = Stub()
        await do_all(prepared, stub, artifacts)
        assert stub.orders == []
        assert await types(prepared, "j") == ["JobQueued", "Cancelled"]
        assert statuses(prepared) == ["cancelled"]

    asyncio.run(scenario())


def test_a_running_job_that_is_called_off_stops(prepared: str, artifacts: Artifacts) -> None:
    class Endless(Stub):
        stopped = False

        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            self.orders.append(order)
            try:
                await asyncio.sleep(3600)
            finally:
                self.stopped = True
            raise AssertionError

    async def scenario() -> None:
        await ask(prepared, "j")
        endless = Endless()
        working = asyncio.create_task(do_all(prepared, endless, artifacts))

        async def started() -> bool:
            return bool(endless.orders)

        await until(started)
        async with await connect(prepared) as conn:
            await commands.cancel(conn, "j", "enough")

        async def stopped() -> bool:
            return endless.stopped

        await until(stopped)
        await working
        assert await types(prepared, "j") == ["JobQueued", "AttemptStarted", "Cancelled"]

    asyncio.run(scenario())


def test_a_late_answer_of_a_job_that_was_called_off_is_thrown_away(
    prepared: str, artifacts: Artifacts
) -> None:
    class Deaf(Stub):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            async with await connect(prepared) as conn:
                await conn.execute("UPDATE procrastinate_jobs SET lock = NULL")  # is not told
                await commands.cancel(conn, "j", "enough")
            return await Stub().generate(order, folder, Heard())

    async def scenario() -> None:
        await ask(prepared, "j")
        await do_all(prepared, Deaf(), artifacts)
        assert (await types(prepared, "j"))[-1] == "Cancelled"
        folder = Path(artifacts.url.removeprefix("file://"))
        assert [path for path in folder.rglob("*") if path.is_file()] == []

    asyncio.run(scenario())


def test_retry_makes_one_new_job_with_the_same_seed(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> None:
        await ask(prepared, "j", seed=None)
        async with await connect(prepared) as conn:
            with pytest.raises(Refused) as refused:
                await commands.retry(conn, "j")
            assert refused.value.code == "not_ended"
            await commands.cancel(conn, "j", "no")
            again = await commands.retry(conn, "j")
            assert await commands.retry(conn, "j") == again != "j"
        stub = Stub()
        await do_all(prepared, stub, artifacts)
        assert [order.key for order in stub.orders] == [f"{again}:1"]
        async with await connect(prepared) as conn:
            with pytest.raises(Refused) as refused:
                await commands.retry(conn, again)
            assert refused.value.code == "completed"
            with pytest.raises(commands.UnknownJobError):
                await commands.retry(conn, "nobody's")

    asyncio.run(scenario())


def test_a_job_whose_end_could_not_be_written_down_is_taken_up_again(
    prepared: str, artifacts: Artifacts
) -> None:
    async def scenario() -> None:
        await ask(prepared, "j")
        stub = Stub(psycopg.OperationalError("the connection is lost"))
        pulse = Pulse(heartbeat=0.2, silence=30, rescue=0.2, grace=1)
        with pytest.raises(asyncio.CancelledError):
            working = asyncio.create_task(work(prepared, {stub.name: stub}, artifacts, pulse=pulse))
            due = asyncio.create_task(_keep_due(prepared))

            async def done() -> bool:
                return await ended(prepared, "j")

            await until(done)
            due.cancel()
            working.cancel()
            await working
        assert await types(prepared, "j") == [
            "JobQueued",
            "AttemptStarted",
            "AttemptFailed",
            "RetryScheduled",
            "AttemptStarted",
            "Completed",
        ]

    asyncio.run(scenario())


def test_an_entry_that_its_worker_lost_sight_of_is_taken_up_again(
    prepared: str, artifacts: Artifacts
) -> None:
    mark = """
        UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers)
    """

    async def scenario() -> None:
        pulse = Pulse(heartbeat=0.2, silence=30, rescue=0.2, grace=1)
        working = asyncio.create_task(work(prepared, {"stub": Stub()}, artifacts, pulse=pulse))

        async def registered() -> bool:
            async with await connect(prepared) as conn:
                cursor = await conn.execute("SELECT FROM procrastinate_workers")
                return await cursor.fetchone() is not None

        async def done() -> bool:
            return await ended(prepared, "j")

        await until(registered)
        async with await connect(prepared) as conn, conn.transaction():
            await commands.decide(conn, "j", Queue(dt.datetime.now(dt.UTC), queued()))
            await conn.execute(mark)  # as if it had been fetched, and nothing came of it
        await until(done)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert (await types(prepared, "j"))[-1] == "Completed"

    asyncio.run(scenario())


def test_an_entry_that_runs_is_not_taken_away(prepared: str, artifacts: Artifacts) -> None:
    looks = 0

    class Patient(Stub):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            async def looked_often() -> bool:
                return looks >= 5

            await until(looked_often)
            return await super().generate(order, folder, Heard())

    class Counting(Rescuer):
        async def look(self) -> int:
            nonlocal looks
            rescued = await super().look()
            looks += 1
            return rescued

    async def scenario(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker, "Rescuer", Counting)
        await ask(prepared, "j")
        pulse = Pulse(heartbeat=0.2, silence=30, rescue=0.1, grace=1)
        await do_all(prepared, Patient(), artifacts, pulse=pulse)
        assert await types(prepared, "j") == ["JobQueued", "AttemptStarted", "Completed"]

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(scenario(monkeypatch))


async def _keep_due(dsn: str) -> None:
    while True:
        await asyncio.to_thread(due_now, dsn)
        await asyncio.sleep(0.2)


@contextmanager
def a_worker(dsn: str, artifacts: Artifacts) -> Iterator[subprocess.Popen[bytes]]:
    module = "tests.integration.generation.a_worker"
    process = subprocess.Popen([sys.executable, "-m", module, dsn, artifacts.url])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _progressed(dsn: str) -> bool:
    return "Progressed" in [row.type for row in await story(dsn, "j")]


def test_a_job_ends_once_although_its_worker_is_killed_in_the_middle(
    prepared: str, artifacts: Artifacts
) -> None:
    async def done() -> bool:
        return await ended(prepared, "j")

    asyncio.run(ask(prepared, "j", width=512, height=512, duration_s=10.0))
    with a_worker(prepared, artifacts) as first:
        asyncio.run(until(lambda: _progressed(prepared)))
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    with a_worker(prepared, artifacts):
        asyncio.run(until(done))
    assert asyncio.run(types(prepared, "j")) == [
        "JobQueued",
        "AttemptStarted",
        "AttemptFailed",
        "RetryScheduled",
        "AttemptStarted",
        "Completed",
    ]
    rows = asyncio.run(story(prepared, "j"))
    assert [row.version for row in rows] == list(range(1, len(rows) + 1))


def test_a_worker_that_is_told_to_stop_hands_its_job_on(
    prepared: str, artifacts: Artifacts
) -> None:
    asyncio.run(ask(prepared, "j", width=512, height=512, duration_s=40.0))
    with a_worker(prepared, artifacts) as told:
        asyncio.run(until(lambda: _progressed(prepared)))
        told.terminate()
        assert told.wait(timeout=120) == 0
    rows = asyncio.run(story(prepared, "j"))
    assert [row.type for row in rows][-2:] == ["AttemptFailed", "RetryScheduled"]
    assert rows[-2].body["error"] == "the worker was told to stop"
    assert rows[-1].body["delay_s"] == 0
