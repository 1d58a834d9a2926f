"""Runs against the naive recomputation: whole, broken off anywhere, and in trouble."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decisions.decider import Refused
from streams.outliers.analyses.analysis import QUOTA_WAITS, WAITS
from streams.outliers.analyses.analysis_commands import AwaitAnswer, AwaitQuota, BeginTurn, Fail
from streams.outliers.analyses.events import (
    AnalysisEvent,
    ChannelAnalyzed,
    CompetitorRead,
    Failed,
    Paused,
    QuerySearched,
    StepStarted,
    UploadsListed,
)
from streams.outliers.analyses.state import Status
from streams.outliers.youtube.errors import RefusedError, UnavailableError
from streams.outliers.youtube.shapes import Channel
from tests.unit.outliers.analyses.a_world import NOW, World
from tests.unit.outliers.analyses.stories import Story, expected, queries, request, verify


def but_uploads(story: Story) -> list[AnalysisEvent]:
    return [one for one in story.events if not isinstance(one, UploadsListed)]


class LostError(Exception):
    """The worker is gone."""


@given(seed=st.integers(0, 1000), number=st.integers(0, 19), competitors=st.integers(0, 3))
@settings(max_examples=25)
def test_a_run_finds_what_the_description_says(seed: int, number: int, competitors: int) -> None:
    world = World(seed)
    asked = request(world, number, competitors=competitors)
    verify(asyncio.run(Story(asked).run(world)), world, asked)


def test_there_is_something_to_find() -> None:
    world = World()
    right = expected(world, request(world))
    assert len(right["results"]) > 5
    assert right["games"]


@given(st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=25)
def test_a_run_that_is_broken_off_anywhere_asks_for_nothing_twice(breaks: list[int]) -> None:
    world, calm = World(), World()
    asked = request(world)

    async def scenario() -> None:
        story, undisturbed = Story(asked), Story(asked)
        await undisturbed.run(calm)
        for calls in breaks:
            world.troubles = [*[None] * calls, LostError()]
            while not story.state.status.ended:
                try:
                    await story.turn(world)
                except LostError:
                    break
        world.troubles = []
        await story.run(world)
        verify(story.state, world, asked)
        # The same story, but for the order in which uploads were listed.
        assert but_uploads(story) == but_uploads(undisturbed)
        assert story.state.uploads == undisturbed.state.uploads
        # What was in the air is asked for again: a competitor, a search, a batch of channels.
        again = len(world.calls) - len(calm.calls)
        assert again <= 10 * len(breaks)
        recorded = Counter(
            (type(one), getattr(one, "channel_id", None) or getattr(one, "query", None))
            for one in story.events
            if isinstance(one, QuerySearched | UploadsListed | ChannelAnalyzed | CompetitorRead)
            and getattr(one, "name", "") != "nobody at all"
        )
        assert set(recorded.values()) == {1}

    asyncio.run(scenario())


def test_steps_come_in_order_and_progress_never_falls() -> None:
    world = World()
    story = Story(request(world))
    asyncio.run(story.run(world))
    assert [one.step for one in story.events if isinstance(one, StepStarted)] == [1, 2, 3, 4, 5]
    progress = [one.progress for one in story.events if hasattr(one, "progress")]
    assert progress == sorted(progress)
    assert progress[0] == 0
    assert progress[-1] == 95
    assert story.state.progress == 100
    assert story.kinds()[-1] == "Completed"


def test_why_channels_are_skipped_is_said() -> None:
    world = World()
    story = Story(request(world))
    asyncio.run(story.run(world))
    said = " | ".join(one.skipped or "" for one in story.events if isinstance(one, ChannelAnalyzed))
    assert "hides how many subscribe" in said
    assert "recent videos; 3 are needed" in said
    assert "excluded categories" in said


def test_a_search_that_finds_nothing_ends_well() -> None:
    world = World()
    story = Story(request(world), queries("nobody makes that"))
    found = asyncio.run(story.run(world))
    assert found.status is Status.COMPLETED
    assert found.result is not None
    assert found.result.results == "[]"


@pytest.mark.parametrize("title", ["Channel 7", "AC/DC"])
def test_a_competitor_may_be_named_by_its_title(title: str) -> None:
    world = World()
    channel_id = list(world.facts)[7]
    world.facts[channel_id]["title"] = title
    world.found[title.lower()] = [channel_id]
    story = Story(request(world).model_copy(update={"exclusion_channels": (title.lower(),)}))
    asyncio.run(story.run(world))
    [read] = [one for one in story.events if isinstance(one, CompetitorRead)]
    assert read.channel_id == channel_id
    assert read.title == title


def test_nobody_searches_for_an_id_that_is_not_there() -> None:
    world = World()
    gone = ("UC" + "9" * 22, "@gone", "youtube.com/@gone")
    story = Story(request(world).model_copy(update={"exclusion_channels": gone}))
    asyncio.run(story.turn(world))
    assert "search" not in world.calls
    assert story.state.exclusion is not None
    assert story.state.exclusion.unresolved == gone


def test_thousands_of_uploads_are_not_asked_for() -> None:
    world = World()
    big = next(iter(world.facts))
    world.facts[big]["uploads"] = [f"old-{number}" for number in range(5000)]
    story = Story(request(world, competitors=1))
    asyncio.run(story.run(world))
    [read] = [one for one in story.events if isinstance(one, CompetitorRead) and one.channel_id]
    assert read.videos <= 200


def test_an_old_turn_does_nothing() -> None:
    world = World()
    story = Story(request(world))
    asyncio.run(story.turn(world))
    assert story.state.turn == 2
    with pytest.raises(Refused, match="turn 1 is over"):
        story.decide(BeginTurn(NOW, 1))


@pytest.mark.parametrize(
    "wish",
    [
        AwaitQuota(NOW, 1, "no units", NOW),
        AwaitAnswer(NOW, 1, "no answer", seed=1),
        Fail(NOW, 1, "broken"),
    ],
)
def test_who_has_lost_its_turn_neither_pauses_nor_fails_the_run(
    wish: AwaitQuota | AwaitAnswer | Fail,
) -> None:
    world = World()
    story = Story(request(world))
    asyncio.run(story.turn(world))
    before = list(story.events)
    with pytest.raises(Refused, match="turn 1 is over"):
        story.decide(wish)
    assert story.events == before
    assert asyncio.run(story.run(world)).status is Status.COMPLETED


def test_days_without_units_do_not_use_up_the_patience_for_silence() -> None:
    story = Story(request(World()))

    def wait(*, quota: bool) -> Paused:
        turn = story.decide(BeginTurn(NOW, story.state.turn)).turn
        if quota:
            story.decide(AwaitQuota(NOW, turn, "no units", NOW + dt.timedelta(days=1)))
        else:
            story.decide(AwaitAnswer(NOW, turn, "no answer", seed=1))
        paused = story.events[-1]
        assert isinstance(paused, Paused)
        return paused

    for _ in range(QUOTA_WAITS):
        wait(quota=True)
    assert (wait(quota=False).resumes_at - NOW).total_seconds() < 2 * WAITS[0]
    for _ in WAITS[1:]:
        wait(quota=False)
    assert wait(quota=True).cause == "quota"  # and that begins anew as well


class SomeAreClosed(World):
    """A world whose odd channels show nobody what they uploaded."""

    reason = "playlistItemsNotAccessible"

    async def uploads(
        self, channel: Channel, *, limit: int, since: dt.datetime | None = None
    ) -> list[str]:
        if int(channel.channel_id[2:]) % 2:
            raise RefusedError(403, self.reason, "the request is not properly authorized")
        return await super().uploads(channel, limit=limit, since=since)


def test_a_channel_that_youtube_does_not_show_is_skipped_and_the_run_goes_on() -> None:
    world = SomeAreClosed()
    story = Story(request(world))
    found = asyncio.run(story.run(world))
    assert found.status is Status.COMPLETED
    skipped = {
        int(one.channel_id[2:]) % 2
        for one in story.events
        if isinstance(one, ChannelAnalyzed) and "playlistItemsNotAccessible" in (one.skipped or "")
    }
    assert skipped == {1}
    assert any(one.skipped is None for one in found.analyzed.values())


def test_a_refusal_of_the_key_is_no_matter_of_one_channel() -> None:
    world = SomeAreClosed()
    world.reason = "keyInvalid"
    with pytest.raises(RefusedError):
        asyncio.run(Story(request(world)).run(world))


def test_waits_for_an_answer_grow_then_the_run_fails() -> None:
    story = Story(request(World()))
    waits = []
    for _ in WAITS:
        story.decide(BeginTurn(NOW, story.state.turn))
        story.decide(AwaitAnswer(NOW, story.state.turn, "no answer", seed=1, units=2))
        paused = story.events[-1]
        assert isinstance(paused, Paused)
        waits.append((paused.resumes_at - NOW).total_seconds())
        assert story.state.status is Status.PAUSED
    assert waits == sorted(waits)
    story.decide(BeginTurn(NOW, story.state.turn))
    story.decide(AwaitAnswer(NOW, story.state.turn, "no answer", seed=1))
    assert story.events[-1] == Failed("YouTube did not answer, 5 times over: no answer")
    assert story.state.units == 2 * len(WAITS)


def test_an_answer_in_between_makes_patience_anew() -> None:
    world = World()
    story = Story(request(world))

    async def scenario() -> None:
        for _ in range(3 * len(WAITS)):
            world.troubles = [None, None, None, UnavailableError("no answer")]
            try:
                await story.turn(world)
            except UnavailableError:
                story.decide(AwaitAnswer(NOW, story.state.turn, "no answer", seed=1))
            if story.state.status.ended:
                break
        await story.run(world)

    asyncio.run(scenario())
    assert story.state.status is Status.COMPLETED


def test_a_quota_that_is_never_enough_fails_in_the_end() -> None:
    story = Story(request(World()))
    tomorrow = NOW + dt.timedelta(days=1)
    for _ in range(QUOTA_WAITS):
        story.decide(BeginTurn(NOW, story.state.turn))
        story.decide(AwaitQuota(NOW, story.state.turn, "no units", tomorrow))
        assert story.state.status is Status.PAUSED
    story.decide(BeginTurn(NOW, story.state.turn))
    story.decide(AwaitQuota(NOW, story.state.turn, "no units", tomorrow))
    assert story.state.status is Status.FAILED
