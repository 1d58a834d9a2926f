"""Runs without a database: the decider and the steps, with the story in memory."""

from __future__ import annotations

import json
from typing import Any

from streams.decisions.decider import fold
from streams.outliers.analyses.analysis import ANALYSES
from streams.outliers.analyses.analysis_commands import (
    AnalysisCommand,
    BeginTurn,
    StartAnalysis,
)
from streams.outliers.analyses.events import AnalysisEvent
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.state import Analysis
from streams.outliers.analyses.steps import Steps
from streams.outliers.content.shapes import Content, GamePattern, defaults
from streams.outliers.youtube.source import Source
from tests.unit.outliers.analyses.a_world import GAMES, NOW, QUERIES, World, WorldFacts
from tests.unit.outliers.analyses.independent_analysis import analysis

PATTERNS = tuple(GamePattern(name=name, phrases=tuple(said)) for name, said in GAMES.items())


def queries(*searches: str, **other: Any) -> Content:
    """The shipped content with other searches."""
    return defaults().model_copy(update={"search_queries": searches, **other})


CONTENT = queries(*QUERIES, game_patterns=PATTERNS)


class Story:
    """One analysis, and the events of it."""

    def __init__(self, asked: AnalysisRequest, content: Content = CONTENT) -> None:
        self.state: Analysis = ANALYSES.initial
        self.events: list[AnalysisEvent] = []
        self.decide(StartAnalysis(NOW, "a", "ada", asked, content))

    def decide(self, command: AnalysisCommand) -> Analysis:
        events = ANALYSES.decide(self.state, command)
        self.events += events
        self.state = fold(ANALYSES, events, self.state)
        assert self.state == fold(ANALYSES, self.events, ANALYSES.initial)
        return self.state

    async def record(self, command: AnalysisCommand) -> Analysis:
        return self.decide(command)

    async def turn(self, source: Source) -> None:
        """Make the turn that is due."""
        turn = self.state.turn
        if self.decide(BeginTurn(NOW, turn)).turn == turn:
            await Steps(source, self.record).make(self.state)

    async def run(self, source: Source) -> Analysis:
        while not self.state.status.ended:
            await self.turn(source)
        return self.state

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def request(world: World, number: int = 0, *, competitors: int = 2) -> AnalysisRequest:
    """One of many different requests."""
    names = list(world.facts)[number : number + competitors]
    return AnalysisRequest(
        exclusion_channels=(*names, "nobody at all") if competitors else (),
        min_subs=1_000 + 500 * number,
        max_subs=200_000,
        time_window=3 + number,
        outlier_threshold=10 + 2 * number,
    )


def expected(world: World, asked: AnalysisRequest) -> dict[str, Any]:
    """What the naive recomputation says."""
    return analysis(
        WorldFacts(world),
        now=NOW,
        competitors=[one for one in asked.exclusion_channels if one in world.facts],
        queries=list(QUERIES),
        games=GAMES,
        min_subs=asked.min_subs,
        max_subs=asked.max_subs,
        window=asked.time_window,
        threshold=asked.outlier_threshold,
    )


def verify(found: Analysis, world: World, asked: AnalysisRequest) -> None:
    """Every score, fit and place of the results is that of the naive recomputation."""
    right = expected(world, asked)
    assert found.result is not None, (found.status, found.error)
    results, told = json.loads(found.result.results), json.loads(found.result.summary)
    got = [(one["video_id"], one["score"], one["brand_fit"]) for one in results]
    assert got == right["results"]
    assert told["exclusion_games"] == right["games"]
    assert told["channels_analyzed"] == right["scored"]
    assert told["outliers_found"] == right["found"]
    assert told["total_outliers"] == len(got)
