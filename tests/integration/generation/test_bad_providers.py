"""Providers that do what they should not: the job ends well or clearly, and the worker lives."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.artifacts import Artifacts
from streams.generation.health.state import Outcome
from streams.generation.jobs import commands
from streams.generation.jobs.events import ProviderChosen
from streams.generation.jobs.job import Job, Status
from streams.generation.providers.local import LocalProvider
from streams.generation.providers.provider import (
    Order,
    Provider,
    ProviderError,
    Rendering,
    Telling,
)
from streams.generation.work.playable import playable
from streams.generation.work.worker import work
from tests.integration.generation.far import made
from tests.integration.generation.stories import connect, ended, story, types, until
from tests.integration.generation.test_worker import Stub, ask, do_all, due_now


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts((tmp_path / "store").as_uri())


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


async def job(dsn: str, job_id: str = "j") -> Job:
    async with await connect(dsn) as conn:
        return (await commands.states(conn, [job_id]))[job_id]


async def delay(dsn: str) -> float:
    """Of the latest wait, in seconds."""
    waits = [row for row in await story(dsn, "j") if row.type in ("RetryScheduled", "Snoozed")]
    return float(waits[-1].body["delay_s"])


def files(artifacts: Artifacts) -> list[Path]:
    folder = Path(artifacts.url.removeprefix("file://"))
    return [path for path in folder.rglob("*") if path.is_file()]


class Answering(Stub):
    """Gives answers in turn: errors are raised, everything else is returned."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        self.orders.append(order)
        if not self.answers:
            return made(order, folder)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        (folder / "v").write_bytes(b"<html>")
        return answer  # type: ignore[no-any-return]


GARBAGE = (
    None,
    "https://example.com/video.mp4",
    Rendering(Path("nowhere/v"), Path("nowhere/t"), 1.0),
    KeyError("output"),
    RecursionError("maximum recursion depth exceeded"),
    ValueError("a\0b \ud800 " + "x" * 10_000),
    ExceptionGroup("both", [ValueError("one"), KeyError("two")]),
)


def test_garbage_is_a_failed_attempt_and_the_next_one_may_do_better(
    prepared: str, artifacts: Artifacts, scratch: Path
) -> None:
    async def scenario() -> None:
        ids = [f"j{number}" for number, _ in enumerate(GARBAGE)]
        for job_id in ids:
            await ask(prepared, job_id)
        provider = Answering(*GARBAGE)
        with capture_logs():  # tracebacks
            await do_all(prepared, provider, artifacts, scratch=scratch)
        for job_id in ids:
            assert await types(prepared, job_id) == [
                *("JobQueued", "AttemptStarted", "AttemptFailed", "RetryScheduled"),
            ]
            assert len((await job(prepared, job_id)).error or "") in range(5, 501)
        assert list(scratch.iterdir()) == []
        due_now(prepared)
        await do_all(prepared, provider, artifacts, scratch=scratch)
        for job_id in ids:
            assert (await job(prepared, job_id)).status is Status.COMPLETED
        assert len(files(artifacts)) == 2 * len(ids)

    asyncio.run(scenario())


def test_a_file_that_is_no_video_is_a_failed_attempt(
    prepared: str, artifacts: Artifacts, scratch: Path, tmp_path: Path
) -> None:
    real: list[bytes] = []

    class Turns(LocalProvider):
        """A page instead of a video, then half a video, a playlist, and at last all of it."""

        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            if not real:
                rendering = await super().generate(order, folder, telling)
                real.append(rendering.video.read_bytes())
            else:
                rendering = made(order, folder)
            video = real[0]
            page, playlist = b"<html>502 Bad Gateway</html>", b"#EXTM3U\nhttp://127.0.0.1:9/\n"
            turns = [page, video[: len(video) // 2], playlist, video]
            rendering.video.write_bytes(turns[int(order.key.partition(":")[2]) - 1])
            return rendering

    async def scenario() -> None:
        await ask(prepared, "j")
        for _ in range(4):
            due_now(prepared)
            await do_all(prepared, Turns(), artifacts, scratch=scratch, inspect=playable)
        errors = [r.body["error"] for r in await story(prepared, "j") if r.type == "AttemptFailed"]
        assert len(errors) == 3
        assert all(error.startswith("the provider returned no playable video") for error in errors)
        assert not any(str(tmp_path) in error for error in errors)
        assert (await job(prepared)).status is Status.COMPLETED

    asyncio.run(scenario())


def test_a_full_disk_is_a_failed_attempt_that_leaves_nothing_behind(
    prepared: str, artifacts: Artifacts, scratch: Path
) -> None:
    class Full(Stub):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            (folder / "half").write_bytes(b"x" * 100_000)
            with Path("/dev/full").open("wb") as device:
                device.write(b"y" * 100_000)
            raise AssertionError

    async def scenario() -> None:
        await ask(prepared, "j")
        await ask(prepared, "other", priority="low")
        await do_all(prepared, Full(), artifacts, scratch=scratch)
        for job_id in ("j", "other"):  # the worker went on to the next one
            failed = [r for r in await story(prepared, job_id) if r.type == "AttemptFailed"]
            assert [row.body["error"] for row in failed] == [os.strerror(28)]
            assert failed[0].body["retryable"]
        assert list(scratch.iterdir()) == []
        assert files(artifacts) == []

    asyncio.run(scenario())


def test_a_renderer_on_a_full_disk_says_so(
    prepared: str, artifacts: Artifacts, scratch: Path
) -> None:
    class Full(LocalProvider):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            (folder / "video.mp4").symlink_to("/dev/full")
            return await super().generate(order, folder, telling)

    async def scenario() -> None:
        await ask(prepared, "j")
        await do_all(prepared, Full(), artifacts, scratch=scratch, inspect=playable)
        assert (await types(prepared, "j"))[-1] == "RetryScheduled"
        assert "No space left" in ((await job(prepared)).error or "")
        assert list(scratch.iterdir()) == []

    asyncio.run(scenario())


def test_a_provider_that_answers_twice_is_heard_once(prepared: str, artifacts: Artifacts) -> None:
    async def over() -> bool:
        return await ended(prepared, "j")

    class Twice(Stub):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            async def again() -> None:
                await until(over)  # the attempt
                await telling.progress(99.0, "again")
                await telling.submitted("another")

            await telling.submitted("once")
            await telling.submitted("once")
            self.stray = asyncio.create_task(again())
            return made(order, folder)

    async def scenario() -> None:
        await ask(prepared, "j")
        provider = Twice()
        await do_all(prepared, provider, artifacts)
        [said] = await asyncio.gather(provider.stray, return_exceptions=True)
        assert isinstance(said, Exception)
        assert await types(prepared, "j") == [
            *("JobQueued", "AttemptStarted", "Submitted", "Completed"),
        ]

    asyncio.run(scenario())


def test_a_provider_that_answers_after_the_cancel_changes_nothing(
    prepared: str, artifacts: Artifacts
) -> None:
    class Stubborn(Stub):
        cancelled = False

        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            self.orders.append(order)
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.cancelled = True
            return made(order, folder)

    async def scenario() -> None:
        await ask(prepared, "j")
        provider = Stubborn()
        working = asyncio.create_task(do_all(prepared, provider, artifacts))

        async def started() -> bool:
            return bool(provider.orders)

        await until(started)
        async with await connect(prepared) as conn:
            await commands.cancel(conn, "j", "enough")
        await working
        assert provider.cancelled
        assert await types(prepared, "j") == ["JobQueued", "AttemptStarted", "Cancelled"]
        assert files(artifacts) == []

    asyncio.run(scenario())


def test_a_job_called_off_while_its_video_is_stored_leaves_no_file(
    prepared: str, artifacts: Artifacts
) -> None:
    class Slow(Artifacts):
        async def put_file(self, path: Path, name: str) -> Any:
            stored = await super().put_file(path, name)
            if name.endswith(".mp4"):
                async with await connect(prepared) as conn:
                    await commands.cancel(conn, "j", "enough")
                await asyncio.sleep(3600)
            return stored

    async def scenario() -> None:
        await ask(prepared, "j")
        await do_all(prepared, Stub(), Slow(artifacts.url))
        assert (await job(prepared)).status is Status.CANCELLED
        assert files(artifacts) == []

    asyncio.run(scenario())


def test_a_provider_without_room_is_asked_later_and_no_retry_is_used_up(
    prepared: str, artifacts: Artifacts
) -> None:
    full = ProviderError("429 Too Many Requests", retryable=True, kind="busy")
    wait = ProviderError("429", retryable=True, kind="busy", retry_after=777.0)

    async def scenario() -> None:
        await ask(prepared, "j", max_retries=0)
        provider = Answering(full, wait)
        await do_all(prepared, provider, artifacts)
        assert await types(prepared, "j") == ["JobQueued", "AttemptStarted", "Snoozed"]
        assert 5 <= await delay(prepared) <= 10
        due_now(prepared)
        await do_all(prepared, provider, artifacts)
        assert await delay(prepared) == 777
        due_now(prepared)
        await do_all(prepared, provider, artifacts)
        assert (await job(prepared)).status is Status.COMPLETED
        assert [order.key for order in provider.orders] == ["j:1", "j:2", "j:3"]

    asyncio.run(scenario())


def test_a_provider_is_not_asked_again_before_it_wants_to_be(
    prepared: str, artifacts: Artifacts
) -> None:
    async def scenario() -> None:
        await ask(prepared, "j")
        away = ProviderError("503", retryable=True, kind="unreachable", retry_after=5000.0)
        await do_all(prepared, Answering(away), artifacts)
        assert await delay(prepared) == 5000
        await do_all(prepared, Answering(), artifacts)
        assert (await job(prepared)).status is Status.QUEUED

    asyncio.run(scenario())


class Fallback:
    """Chooses what is not down; keeps what it is told."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self.providers = providers
        self.down: set[str] = set()
        self.told: list[tuple[str, Outcome]] = []

    async def pick(self, job: Job) -> ProviderChosen:
        for name, provider in self.providers.items():
            if name not in self.down:
                reason = "fallback" if self.down else "the first"
                return ProviderChosen(name, provider.model, 0.5, reason)
        raise ProviderError("every provider is down", retryable=True, retry_after=60.0)

    async def record(self, provider: str, outcome: Outcome) -> None:
        self.told.append((provider, outcome))
        if not outcome.ok:
            self.down.add(provider)


def test_a_job_that_no_provider_can_make_fails_at_once(prepared: str, artifacts: Artifacts) -> None:
    class Unable(Fallback):
        async def pick(self, job: Job) -> ProviderChosen:
            raise ProviderError("too long for any provider", retryable=False)

    async def scenario() -> None:
        await ask(prepared, "j")
        await do_all(prepared, Stub(), artifacts, router=Unable({}))
        assert await types(prepared, "j") == ["JobQueued", "Failed"]

    asyncio.run(scenario())


def test_work_that_was_lost_sight_of_is_waited_for(prepared: str, artifacts: Artifacts) -> None:
    class Losing(Stub):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            self.orders.append(order)
            if order.submitted is not None:
                return made(order, folder)
            await telling.submitted("r1")
            raise ProviderError("no answer", retryable=True, kind="unreachable", left=True)

    async def scenario() -> None:
        await ask(prepared, "j")
        provider = Losing()
        for _ in range(2):
            due_now(prepared)
            await do_all(prepared, provider, artifacts)
        assert [order.submitted for order in provider.orders] == [None, "r1"]
        assert (await job(prepared)).status is Status.COMPLETED

    asyncio.run(scenario())


class Second(Answering):
    name = "second"


def test_another_provider_takes_over_and_without_one_the_job_waits(
    prepared: str, artifacts: Artifacts
) -> None:
    gone = ProviderError("no connection", retryable=True, kind="unreachable")

    async def scenario() -> None:
        providers = {"stub": Answering(gone), "second": Second(gone)}
        router = Fallback(providers)

        async def turn() -> None:
            due_now(prepared)
            await work(prepared, providers, artifacts, router=router, until_idle=True)

        await ask(prepared, "j", max_retries=2)
        for _ in range(3):
            await turn()
        assert [row.type for row in await story(prepared, "j")] == [
            *("JobQueued", "ProviderChosen", "AttemptStarted", "AttemptFailed", "RetryScheduled"),
            *("ProviderChosen", "AttemptStarted", "AttemptFailed", "RetryScheduled", "Snoozed"),
        ]
        assert await delay(prepared) == 60
        router.down.clear()
        await turn()
        assert (await job(prepared)).status is Status.COMPLETED
        told = [(name, one.ok, one.kind, one.cost_usd) for name, one in router.told]
        assert told == [
            ("stub", False, "unreachable", 0.0),
            ("second", False, "unreachable", 0.0),
            ("stub", True, None, 0.5),
        ]

    asyncio.run(scenario())


def test_attempts_have_their_folders_where_they_are_told_to(
    prepared: str, artifacts: Artifacts, scratch: Path
) -> None:
    class Looking(Stub):
        async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
            assert folder.parent == scratch
            assert folder.parent != Path(tempfile.gettempdir())
            return await super().generate(order, folder, telling)

    async def scenario() -> None:
        await ask(prepared, "j")
        await do_all(prepared, Looking(), artifacts, scratch=scratch)
        assert (await job(prepared)).status is Status.COMPLETED

    asyncio.run(scenario())
