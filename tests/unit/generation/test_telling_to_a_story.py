from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from streams.decisions.decider import Refused
from streams.generation.jobs.job_commands import JobCommand, ReportProgress, ReportSubmitted
from streams.generation.providers.provider import GivenUp, ProviderError
from streams.generation.work import telling
from streams.generation.work.telling import StoryTelling


class Story:
    def __init__(self, error: Exception | None = None) -> None:
        self.commands: list[JobCommand] = []
        self.error = error

    async def decide(self, command: JobCommand) -> None:
        if self.error is not None:
            raise self.error
        self.commands.append(command)

    @property
    def percents(self) -> list[float]:
        return [one.percent for one in self.commands if isinstance(one, ReportProgress)]


def test_progress_is_told_now_and_then_and_never_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(telling, "monotonic", lambda: clock)
    story = Story()

    async def scenario() -> None:
        nonlocal clock
        told = StoryTelling("t", story.decide)
        await told.progress(20.0, "too soon")
        for percent in (25.0, 24.0, 30.0, float("nan"), float("inf"), 40.0, 10.0, 90.0):
            clock += 1.0
            await told.progress(percent, "s\0tep")

    asyncio.run(scenario())
    assert story.percents == [25.0, 40.0, 90.0]
    assert {one.step for one in story.commands if isinstance(one, ReportProgress)} == {"s tep"}


def test_work_goes_on_although_progress_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "PROGRESS_SECONDS", 0.0)
    told = StoryTelling("t", Story(psycopg.OperationalError("away")).decide)
    asyncio.run(told.progress(50.0, "s"))
    with pytest.raises(psycopg.OperationalError):  # but no work whose name nobody knows
        asyncio.run(told.submitted("r1"))


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 201, "line\nbreak", None, 7])
def test_a_name_that_cannot_be_kept_is_refused(name: Any) -> None:
    story = Story()
    with pytest.raises(ProviderError, match="no usable name"):
        asyncio.run(StoryTelling("t", story.decide).submitted(name))
    assert story.commands == []


def test_a_job_that_was_called_off_stops_its_work() -> None:
    stopped = []

    async def scenario() -> None:
        told = StoryTelling("t", Story(Refused("ended", "the job is cancelled")).decide)

        async def work() -> None:
            told.begin()
            try:
                await told.submitted("r1")
            except asyncio.CancelledError:
                stopped.append("there too")
                raise

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(work())
        assert told.refused is not None

    asyncio.run(scenario())
    assert stopped == ["there too"]


def test_an_attempt_that_was_given_up_leaves_its_work_to_the_next_one() -> None:
    async def scenario() -> None:
        told = StoryTelling("t", Story(Refused("stale_attempt", "another runs")).decide)

        async def work() -> None:
            told.begin()
            with pytest.raises(GivenUp):
                await told.submitted("r1")
            await asyncio.sleep(0)  # it is not cancelled, so it stops nothing elsewhere

        await asyncio.create_task(work())

    asyncio.run(scenario())


def test_what_is_said_after_the_end_is_not_heard() -> None:
    async def scenario() -> None:
        story = Story()
        told = StoryTelling("t", story.decide)
        await told.submitted("r1")
        told.end()
        with pytest.raises(GivenUp):
            await told.submitted("r2")
        assert [c.provider_job_id for c in story.commands if isinstance(c, ReportSubmitted)] == [
            "r1"
        ]

    asyncio.run(scenario())
