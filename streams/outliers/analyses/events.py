"""What happens to an analysis: the records of `outlier.analyses.v1` without their envelope.

The envelope (event_id, occurred_at, analysis_id, version) is the store's. What the run learned
from YouTube and still needs is in here, so that a run that was broken off asks for nothing twice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class AnalysisRequested:
    """Somebody asks for an analysis.

    Attributes:
        request: an [`Asked`][streams.outliers.analyses.request.Asked] as JSON.
    """

    user_id: str
    request: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step of the run began.

    Attributes:
        step: 1 exclusions, 2 discovery, 3 channels, 4 scoring, 5 ranking.
        message: what is done, for a person.
        progress: of the whole run, 0 to 100.
        units: of the Data API, spent on what was recorded with it; likewise of other events.
    """

    step: int
    message: str
    progress: float
    units: int = 0


@dataclass(frozen=True, slots=True)
class Paused:
    """The run waits, and goes on by itself; nothing of it is lost."""

    reason: str
    resumes_at: dt.datetime
    cause: Literal["quota", "unavailable"] = "quota"
    units: int = 0


@dataclass(frozen=True, slots=True)
class Resumed:
    """The run goes on where it was."""


@dataclass(frozen=True, slots=True)
class CompetitorRead:
    """A competitor's videos of the time window were read.

    Attributes:
        name: as in the request.
        channel_id: None where no such channel was found.
        games: in the titles of those videos, in alphabetical order.
    """

    name: str
    channel_id: str | None
    title: str | None
    games: tuple[str, ...]
    videos: int
    progress: float = 0.0
    units: int = 0


@dataclass(frozen=True, slots=True)
class ExclusionBuilt:
    """The exclusion list stands.

    Attributes:
        games: in alphabetical order.
        channels: competitors whose videos were read.
        unresolved: competitors that were not found, as they were named.
        competitors: channel ids of those that were.
    """

    games: tuple[str, ...]
    channels: int
    unresolved: tuple[str, ...]
    competitors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuerySearched:
    """A search for channels was made; its hits, the most relevant first."""

    query: str
    channel_ids: tuple[str, ...]
    progress: float = 0.0
    units: int = 0


@dataclass(frozen=True, slots=True)
class ChannelDiscovered:
    """A channel that was found by a search and that suits.

    Attributes:
        subscribers: None where hidden.
        query: the first that found it.
        uploads_playlist: None where it has none.
    """

    channel_id: str
    title: str
    subscribers: int | None
    query: str
    uploads_playlist: str | None


@dataclass(frozen=True, slots=True)
class UploadsListed:
    """The newest videos of a discovered channel, newest first.

    Attributes:
        refused: why YouTube does not list them, for a person; None where it does.
    """

    channel_id: str
    video_ids: tuple[str, ...]
    progress: float = 0.0
    units: int = 0
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelAnalyzed:
    """A channel's recent videos were scored, or it was skipped.

    Attributes:
        outliers: videos kept.
        results: those, as a JSON list; see [`Kept`][streams.outliers.analyses.scoring.Kept].
        videos: that were looked at.
        skipped: why it was not scored, for a person; None where it was.
    """

    channel_id: str
    outliers: int
    results: str
    videos: int
    skipped: str | None
    progress: float = 0.0
    units: int = 0


@dataclass(frozen=True, slots=True)
class Completed:
    """The analysis ended.

    Attributes:
        summary: JSON; see [`Summary`][streams.outliers.analyses.ranking.Summary].
        results: the best of the kept videos in their order, as a JSON list.
    """

    summary: str
    results: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The analysis ended without a result; why, for a person."""

    error: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The analysis was called off."""

    reason: str


AnalysisEvent: TypeAlias = (
    AnalysisRequested
    | StepStarted
    | Paused
    | Resumed
    | CompetitorRead
    | ExclusionBuilt
    | QuerySearched
    | ChannelDiscovered
    | UploadsListed
    | ChannelAnalyzed
    | Completed
    | Failed
    | Cancelled
)
