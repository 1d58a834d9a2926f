"""What can be wished of an analysis. Each wish carries its time, and chance where it needs some.

Where a wish has `units`, these are units of the Data API that were spent for it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from streams.outliers.analyses.events import (
    ChannelAnalyzed,
    ChannelDiscovered,
    CompetitorRead,
    QuerySearched,
    UploadsListed,
)
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.content.shapes import Content


@dataclass(frozen=True, slots=True)
class StartAnalysis:
    """Ask for an analysis."""

    at: dt.datetime
    analysis_id: str
    user_id: str
    request: AnalysisRequest
    content: Content


@dataclass(frozen=True, slots=True)
class BeginTurn:
    """A worker takes the run's entry of that turn from the queue."""

    at: dt.datetime
    turn: int


@dataclass(frozen=True, slots=True)
class RecordCompetitor:
    """Keep what a competitor's videos tell."""

    at: dt.datetime
    read: CompetitorRead


@dataclass(frozen=True, slots=True)
class RecordSearch:
    """Keep what a search found."""

    at: dt.datetime
    searched: QuerySearched


@dataclass(frozen=True, slots=True)
class RecordChannels:
    """Keep which of all the found channels suit, in the order in which they were found."""

    at: dt.datetime
    suitable: tuple[ChannelDiscovered, ...]
    units: int = 0


@dataclass(frozen=True, slots=True)
class RecordUploads:
    """Keep channels' newest videos."""

    at: dt.datetime
    listed: tuple[UploadsListed, ...]
    units: int = 0


@dataclass(frozen=True, slots=True)
class RecordScores:
    """Keep channels' results."""

    at: dt.datetime
    analyzed: tuple[ChannelAnalyzed, ...]
    units: int = 0


@dataclass(frozen=True, slots=True)
class RankResults:
    """Choose the best; the end."""

    at: dt.datetime


@dataclass(frozen=True, slots=True)
class AwaitQuota:
    """The day's units are spent.

    Attributes:
        turn: of the worker that says so; once another turn has begun it says nothing.
    """

    at: dt.datetime
    turn: int
    reason: str
    resets_at: dt.datetime
    units: int = 0


@dataclass(frozen=True, slots=True)
class AwaitAnswer:
    """YouTube does not answer.

    Attributes:
        turn: see `AwaitQuota`.
        seed: chance for the delay until it is asked again.
    """

    at: dt.datetime
    turn: int
    reason: str
    seed: int
    units: int = 0


@dataclass(frozen=True, slots=True)
class Fail:
    """Nothing that could be done later would help.

    Attributes:
        turn: see `AwaitQuota`.
    """

    at: dt.datetime
    turn: int
    error: str


@dataclass(frozen=True, slots=True)
class CancelAnalysis:
    """Call the analysis off."""

    at: dt.datetime
    reason: str


AnalysisCommand: TypeAlias = (
    StartAnalysis
    | BeginTurn
    | RecordCompetitor
    | RecordSearch
    | RecordChannels
    | RecordUploads
    | RecordScores
    | RankResults
    | AwaitQuota
    | AwaitAnswer
    | Fail
    | CancelAnalysis
)
