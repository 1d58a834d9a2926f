"""Whatever is wished, in whatever order: one end, no progress backwards, turns that rise."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from streams.decisions.decider import Refused
from streams.outliers.analyses.analysis_commands import (
    AnalysisCommand,
    AwaitAnswer,
    AwaitQuota,
    BeginTurn,
    CancelAnalysis,
    Fail,
    RankResults,
    RecordChannels,
    RecordCompetitor,
    RecordScores,
    RecordSearch,
    RecordUploads,
)
from streams.outliers.analyses.events import (
    Cancelled,
    ChannelAnalyzed,
    ChannelDiscovered,
    CompetitorRead,
    Completed,
    Failed,
    QuerySearched,
    UploadsListed,
)
from streams.outliers.analyses.request import AnalysisRequest
from tests.unit.outliers.analyses.a_world import NOW
from tests.unit.outliers.analyses.stories import Story, queries

IDS = st.sampled_from(["a", "b", "c"])
TURNS = st.integers(1, 9)
LATER = NOW + dt.timedelta(hours=1)

wishes = st.one_of(
    st.builds(BeginTurn, st.just(NOW), TURNS),
    st.builds(
        RecordCompetitor,
        st.just(NOW),
        st.builds(CompetitorRead, IDS, st.none() | IDS, st.none(), st.just(("Chess",)), st.just(3)),
    ),
    st.builds(
        RecordSearch,
        st.just(NOW),
        st.builds(QuerySearched, IDS, st.lists(IDS, unique=True).map(tuple)),
    ),
    st.builds(
        RecordChannels,
        st.just(NOW),
        st.lists(IDS, unique=True).map(
            lambda ids: tuple(ChannelDiscovered(one, one, 5_000, "a", "UU") for one in ids)
        ),
    ),
    st.builds(
        RecordUploads,
        st.just(NOW),
        st.lists(st.builds(UploadsListed, IDS, st.just(("v",))), max_size=3).map(tuple),
    ),
    st.builds(
        RecordScores,
        st.just(NOW),
        st.lists(
            st.builds(ChannelAnalyzed, IDS, st.just(0), st.just("[]"), st.just(3), st.none()),
            max_size=3,
        ).map(tuple),
    ),
    st.just(RankResults(NOW)),
    st.builds(AwaitQuota, st.just(NOW), TURNS, st.just("no units"), st.just(LATER)),
    st.builds(AwaitAnswer, st.just(NOW), TURNS, st.just("no answer"), st.just(1)),
)
ends = st.one_of(
    st.builds(Fail, st.just(NOW), TURNS, st.just("broken")),
    st.just(CancelAnalysis(NOW, "no longer wanted")),
)


@given(st.lists(wishes, max_size=40), st.lists(ends, max_size=2), st.lists(wishes, max_size=5))
def test_any_wishes(
    some: list[AnalysisCommand], end: list[AnalysisCommand], more: list[AnalysisCommand]
) -> None:
    story = Story(AnalysisRequest(exclusion_channels=("a", "b")), queries("a", "b"))
    progress, turn = 0.0, 1
    for wish in (*some, *end, *more):
        before = len(story.events)
        with suppress(Refused):
            story.decide(wish)
        assert story.state.progress >= progress
        assert 0 <= story.state.progress <= 100
        assert story.state.turn >= turn
        progress, turn = story.state.progress, story.state.turn
        for event in story.events[before:]:
            if isinstance(event, UploadsListed | ChannelAnalyzed | QuerySearched | CompetitorRead):
                assert story.events.count(event) == 1
    finals = [one for one in story.events if isinstance(one, Completed | Failed | Cancelled)]
    assert len(finals) <= 1
    if finals:
        assert story.events[-1] == finals[0]
