"""Workers that are killed, hang, or are slower than their own rescue."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from streams.artifacts import Artifacts
from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import LoseAttempt
from streams.generation.work.worker import work
from streams.work_queue.running import Pulse
from tests.integration.generation.far import Far
from tests.integration.generation.stories import connect, ended, story, types, until
from tests.integration.generation.test_worker import Stub, ask, do_all

RESCUER = Pulse(heartbeat=0.2, silence=1.0, rescue=0.2, grace=0.2)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts((tmp_path / "store").as_uri())


@pytest.fixture
def far(tmp_path: Path) -> Far:
    home = tmp_path / "far"
    home.mkdir()
    return Far(home)


@asynccontextmanager
async def a_worker(
    dsn: str, artifacts: Artifacts, kind: str, far: Far, *limits: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker in another process with a provider of that kind."""
    module = "tests.integration.generation.a_worker"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, dsn, artifacts.url, kind, str(far.home), *limits),
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def another(dsn: str, provider: Far | Stub, artifacts: Artifacts) -> AsyncIterator[None]:
    """A worker in this process."""
    working = asyncio.create_task(
        work(dsn, {provider.name: provider}, artifacts, pulse=RESCUER), name="another"
    )
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def files(artifacts: Artifacts) -> list[str]:
    folder = Path(artifacts.url.removeprefix("file://"))
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def till_ended(dsn: str) -> None:
    async def done() -> bool:
        return await ended(dsn, "j")

    await until(done)


def test_work_whose_client_was_killed_is_waited_for_and_not_paid_twice(
    prepared: str, artifacts: Artifacts, far: Far
) -> None:
    async def scenario() -> None:
        await ask(prepared, "j", provider="far")
        async with a_worker(prepared, artifacts, "Dying", far) as first:
            assert await first.wait() == -signal.SIGKILL
        async with another(prepared, far, artifacts):

            async def waited_for() -> bool:
                return len(far.calls()) == 2

            await until(waited_for)
            (far.home / "done").touch()
            await till_ended(prepared)
        name = far.calls()[0][2]
        assert far.calls() == [["submit", "j:1", name], ["wait", "j:2", name]]
        assert await types(prepared, "j") == [
            *("JobQueued", "AttemptStarted", "Submitted", "AttemptFailed", "RetryScheduled"),
            *("AttemptStarted", "Submitted", "Completed"),
        ]
        rows = await story(prepared, "j")
        assert [r.body["provider_job_id"] for r in rows if r.type == "Submitted"] == [name, name]
        chosen = [row.body for row in rows if row.type == "ProviderChosen"]
        assert [(one["provider"], one["cost_usd"]) for one in chosen] == [("far", 0.25)]

    asyncio.run(scenario())


def test_work_of_a_worker_that_is_told_to_stop_is_left_to_the_next_one(
    prepared: str, artifacts: Artifacts, far: Far
) -> None:
    async def called(times: int) -> None:
        async def enough() -> bool:
            return len(far.calls()) >= times

        await until(enough)

    async def scenario() -> None:
        await ask(prepared, "j")
        async with another(prepared, far, artifacts):
            await called(1)
        rows = await story(prepared, "j")
        assert [(row.type, row.body.get("left")) for row in rows[-2:]] == [
            ("AttemptFailed", True),
            ("RetryScheduled", None),
        ]
        async with another(prepared, far, artifacts):
            await called(2)
            async with await connect(prepared) as conn:
                await commands.cancel(conn, "j", "enough")
            await called(3)
        assert [call[:2] for call in far.calls()] == [
            ["submit", "j:1"],
            ["wait", "j:2"],
            ["cancel", "j:2"],
        ]

    asyncio.run(scenario())


def test_an_attempt_that_was_given_up_leaves_its_work_to_the_one_that_waits_for_it(
    prepared: str, artifacts: Artifacts, far: Far
) -> None:
    async def scenario() -> None:
        await ask(prepared, "j")
        async with another(prepared, far, artifacts):

            async def submitted() -> bool:
                return "Submitted" in await types(prepared, "j")

            await until(submitted)
            async with await connect(prepared) as conn:  # as if it had been silent for too long
                lost = LoseAttempt(dt.datetime.now(dt.UTC), 1, "the worker was lost", left=True)
                await commands.decide(conn, "j", lost)

            async def waited_for() -> bool:
                return ["wait", "j:2"] in [call[:2] for call in far.calls()]

            await until(waited_for)
            (far.home / "done").touch()
            await till_ended(prepared)
        assert [call[0] for call in far.calls()] == ["submit", "wait"]

    asyncio.run(scenario())


def test_a_worker_whose_provider_does_not_stop_is_killed_and_its_job_goes_on(
    prepared: str, artifacts: Artifacts, far: Far
) -> None:
    async def scenario() -> None:
        await ask(prepared, "j")
        async with a_worker(prepared, artifacts, "Deaf", far, "0.2", "0.6") as hanging:
            assert await hanging.wait() == -signal.SIGKILL
        assert [call[0] for call in far.calls()] == ["submit", "cancel"]
        (far.home / "done").touch()
        async with another(prepared, far, artifacts):
            await till_ended(prepared)
        failed = [row for row in await story(prepared, "j") if row.type == "AttemptFailed"]
        assert [row.body["error"] for row in failed] == ["the worker was lost"]

    asyncio.run(scenario())


def test_a_worker_that_hangs_is_taken_for_lost_and_its_late_answer_changes_nothing(
    prepared: str, artifacts: Artifacts, far: Far
) -> None:
    async def scenario() -> None:
        await ask(prepared, "j")
        async with a_worker(prepared, artifacts, "Blocking", far) as hanging:

            async def called() -> bool:
                return bool(far.calls())

            await until(called)
            async with another(prepared, Stub(), artifacts):
                await till_ended(prepared)
            before, kept = await story(prepared, "j"), files(artifacts)
            assert len(kept) == 2
            (far.home / "done").touch()  # only now does the first one go on
            await ask(prepared, "next")

            # Whoever began while it was silent has struck it off: then it ends, to begin anew.
            async def goes_on() -> bool:
                return hanging.returncode is not None or await ended(prepared, "next")

            await until(goes_on)
            assert hanging.returncode in (None, 1)
            assert await story(prepared, "j") == before
            assert set(kept) <= set(files(artifacts))
            assert len(files(artifacts)) == (4 if hanging.returncode is None else 2)
        async with await connect(prepared) as conn:
            job = (await commands.states(conn, ["j"]))["j"]
        assert (job.attempt, job.failures) == (2, 1)

    asyncio.run(scenario())


def test_a_worker_that_was_struck_off_ends(prepared: str, artifacts: Artifacts) -> None:
    async def scenario() -> None:
        working = asyncio.create_task(work(prepared, {"stub": Stub()}, artifacts, pulse=RESCUER))
        async with await connect(prepared) as conn:

            async def struck_off() -> bool:
                return (await conn.execute("DELETE FROM procrastinate_workers")).rowcount == 1

            await until(struck_off)
        await ask(prepared, "j")
        with pytest.raises(Exception, match="Database error"):
            await asyncio.wait_for(working, 120)
        await do_all(prepared, Stub(), artifacts)
        assert (await types(prepared, "j"))[-1] == "Completed"

    asyncio.run(scenario())
