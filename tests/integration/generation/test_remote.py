"""A provider behind an API, asked by a worker over PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from pathlib import Path

import psycopg

from streams.artifacts import Artifacts
from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import Cancel
from streams.generation.providers.provider import Provider
from streams.generation.providers.remote import Patience, RemoteProvider
from streams.generation.work.playable import playable
from streams.generation.work.worker import work
from tests.integration.generation.stories import connect, story, types, until
from tests.integration.generation.test_worker import ask, due_now
from tests.unit.generation.remote.studio import ReplicateStudio, answers
from tests.unit.generation.test_rendering import probe

QUICK = Patience(first=0.01, longest=0.05, most=60.0, stop=30.0, troubles=2)


async def do_all(dsn: str, studio: ReplicateStudio, artifacts: Artifacts) -> None:
    provider: Provider = RemoteProvider(studio.api(), patience=QUICK)
    await work(dsn, {provider.name: provider}, artifacts, inspect=playable, until_idle=True)


def test_a_video_from_elsewhere_ends_a_job_in_the_size_that_was_asked_for(
    prepared: str, tmp_path: Path, footage: Path
) -> None:
    artifacts = Artifacts((tmp_path / "artifacts").as_uri())

    async def scenario() -> None:
        async with ReplicateStudio(footage.read_bytes()) as studio:
            await ask(prepared, "j", width=256, height=256, duration_s=1.5)
            await do_all(prepared, studio, artifacts)
            told = ["JobQueued", "AttemptStarted", "Submitted", "Completed"]
            assert await types(prepared, "j") == told
            async with await connect(prepared) as conn:
                job = (await commands.states(conn, ["j"]))["j"]
            assert job.result is not None
            assert job.result.video_seconds == 1.5
            made = await artifacts.read(job.result.artifact)
            assert hashlib.sha256(made).hexdigest() == job.result.sha256
            (tmp_path / "made.mp4").write_bytes(made)

    asyncio.run(scenario())
    assert "256x256" in probe(tmp_path / "made.mp4")


def test_work_that_could_not_be_asked_after_is_waited_for_by_the_next_attempt(
    prepared: str, tmp_path: Path, footage: Path
) -> None:
    artifacts = Artifacts((tmp_path / "artifacts").as_uri())

    async def scenario() -> None:
        async with ReplicateStudio(footage.read_bytes()) as studio:
            studio.mishaps["look"] = [answers(503)] * 2
            await ask(prepared, "j", width=320, height=256, duration_s=2.0)
            await do_all(prepared, studio, artifacts)
            due_now(prepared)
            await do_all(prepared, studio, artifacts)
            assert (await types(prepared, "j"))[-1] == "Completed"
            assert len(studio.steps("submit")) == 1  # and paid for once
            assert studio.cancelled == []

    asyncio.run(scenario())


def test_a_provider_without_room_uses_up_no_retry(
    prepared: str, tmp_path: Path, footage: Path
) -> None:
    artifacts = Artifacts((tmp_path / "artifacts").as_uri())

    async def scenario() -> None:
        async with ReplicateStudio(footage.read_bytes()) as studio:
            studio.mishaps["submit"] = [answers(429, Retry_After="30")]
            await ask(prepared, "j", width=320, height=256, duration_s=2.0, max_retries=0)
            await do_all(prepared, studio, artifacts)
            assert (await story(prepared, "j"))[-1].type == "Snoozed"
            with psycopg.connect(prepared) as conn:
                (wait,) = conn.execute(
                    "SELECT extract(epoch FROM scheduled_at - now()) FROM procrastinate_jobs"
                    " WHERE status = 'todo'"
                ).fetchone() or (0,)
            assert 20 < wait < 60
            due_now(prepared)
            await do_all(prepared, studio, artifacts)
            assert (await types(prepared, "j"))[-1] == "Completed"

    asyncio.run(scenario())


def test_a_cancelled_job_is_called_off_elsewhere(
    prepared: str, tmp_path: Path, footage: Path
) -> None:
    artifacts = Artifacts((tmp_path / "artifacts").as_uri())

    async def scenario() -> None:
        async with ReplicateStudio(footage.read_bytes()) as studio:
            studio.story = ["working"]
            await ask(prepared, "j", width=320, height=256, duration_s=2.0)
            working = asyncio.create_task(do_all(prepared, studio, artifacts))

            async def submitted() -> bool:
                return "Submitted" in await types(prepared, "j")

            await until(submitted)
            async with await connect(prepared) as conn:
                await commands.decide(conn, "j", Cancel(dt.datetime.now(dt.UTC), "not wanted"))
            await working
            assert studio.cancelled == ["work-1"]
            assert (await types(prepared, "j"))[-1] == "Cancelled"

    asyncio.run(scenario())
